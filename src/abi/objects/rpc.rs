//! The RPC context of an NFS context.

use std::sync::Arc;

use super::{Context, RPC_CONTEXTS};
use crate::abi::types::rpc_context;
use crate::error::Result;

/// The handle that an NFS context has as an RPC context.
#[derive(Clone, Copy, Default)]
pub enum RpcHandle {
    #[default]
    NotAskedFor,
    Open(*mut rpc_context),
    Closed,
}

// SAFETY: the address is compared and handed out, never followed.
unsafe impl Send for RpcHandle {}

impl RpcHandle {
    /// The handle of `context`, which this one belongs to; EBADF when that is destroyed.
    pub fn of(&mut self, context: &Arc<Context>) -> Result<*mut rpc_context> {
        if let Self::NotAskedFor = self {
            *self = Self::Open(RPC_CONTEXTS.insert(context.clone())?);
        }
        match self {
            Self::Open(rpc) => Ok(*rpc),
            _ => Err(RPC_CONTEXTS.refusal(std::ptr::dangling())),
        }
    }

    /// Whether there is one, or was.
    pub fn is_asked_for(&self) -> bool {
        !matches!(self, Self::NotAskedFor)
    }

    pub fn is(&self, rpc: *mut rpc_context) -> bool {
        matches!(self, Self::Open(open) if *open == rpc)
    }

    /// Ends it with its context.
    pub fn close(&mut self) {
        if let Self::Open(rpc) = std::mem::replace(self, Self::Closed) {
            // It is open: this alone closes it.
            let _ = RPC_CONTEXTS.take(rpc);
        }
    }
}
