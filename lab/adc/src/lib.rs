//! The lab's application delivery controller: one neutral model of virtual server, pool, monitor and SNAT, on real connections.
