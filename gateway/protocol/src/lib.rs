//! What the gateway knows about protocols. It opens no socket and reads no clock.
