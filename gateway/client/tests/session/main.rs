//! The session, driven by hand: no sockets, no clock, no luck.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod liveness;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod reconnecting;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod size;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod world;
