//! Access control lists.

use std::sync::Arc;

use super::{Client, File};
use crate::error::Result;
use crate::v3::Acl;

impl Client {
    /// Reads the ACL of an open file or directory; EOPNOTSUPP when the server has none.
    pub async fn getacl(self: Arc<Self>, file: Arc<File>) -> Result<Acl> {
        let read = async { self.session_of(&file)?.nfs.getacl(&file.handle).await };
        read.await.map_err(|error| error.during("getacl").at(&file.path))
    }
}
