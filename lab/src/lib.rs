//! Starts Kafka, a load balancer, gateways and a fleet of devices from one scenario file, and judges what it sees.
