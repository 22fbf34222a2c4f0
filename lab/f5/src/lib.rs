//! F5 BIG-IP configuration as data. It opens no socket and reads no file.
//!
//! - [`object`]: a configuration object in tmsh's words, and the place where it was written.
//! - [`tmsh`], [`as3`]: the two ways to write one. AS3 becomes the same objects, defaults included, so that whoever reads
//!   objects need not know which it was.
//! - [`lint`]: names, values, references, and the combinations that look right and are not.
//! - [`site`]: the parameters of an installation; [`render`] makes the files of `f5-irules/` from them.
//!
//! Absent: every object kind that a WebSocket gateway does not need. Objects of other kinds pass through unread.

pub mod object;

pub mod as3;
mod json;
pub mod tmsh;
mod vocabulary;

pub mod lint;

pub mod render;
pub mod site;
