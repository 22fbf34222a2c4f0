//! HTTP/1.1 and WebSocket on a stream of bytes. Pure: bytes in, bytes and what they mean out.
//!
//! - [`head`]: the first lines of a request or response, read and written again.
//! - [`body`]: where a body ends.
//! - [`frames`]: where WebSocket frames begin and end, and what closes one.
//!
//! Absent: HTTP/2, compression, and anything about what a body or a frame says.

pub(crate) mod body;
pub(crate) mod frames;
pub(crate) mod head;
