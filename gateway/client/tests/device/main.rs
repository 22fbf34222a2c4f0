//! A device on real sockets. The test plays the gateway.

#[cfg(test)]
mod addresses;
#[cfg(test)]
mod conversation;
#[cfg(test)]
#[cfg(feature = "dns")]
mod dns;
#[cfg(test)]
mod eyeballs;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod refusals;
#[cfg(test)]
#[cfg(feature = "tls")]
mod tls;
