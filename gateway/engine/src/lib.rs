//! The event loop: sockets and WebSocket connections over io_uring and epoll. It knows no Kafka.
