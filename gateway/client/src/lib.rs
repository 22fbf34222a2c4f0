//! The device side: server list, reconnect, resume.
