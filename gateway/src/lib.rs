//! A gateway that carries Apache Kafka to and from devices over WebSockets.
