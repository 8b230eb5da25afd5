//! External data representation (RFC 4506): reading within bounds.

mod reader;

pub use reader::Reader;
