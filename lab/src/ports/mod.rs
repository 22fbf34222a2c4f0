//! Source-port models: how NATs and load balancers choose the address and port a gateway sees.
