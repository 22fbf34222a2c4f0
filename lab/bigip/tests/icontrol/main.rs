//! The REST face without HTTP: what is asked, what is answered, and where traffic goes then.

mod access;
mod changes;
mod support;
mod traffic;
