//! The load balancer, in each of its kinds.
