//! Where connections come from: the source addresses and ports that kernels, NATs and load balancers hand out, as data with a seed.
//!
//! - [`Model`]: the names a scenario may write, `linux-connect` to `ipv6-privacy`.
//! - [`Setting`]: the addresses, the port span and the seed a model works with.
//! - [`Sources`]: the sequence itself, one [`SocketAddr`](std::net::SocketAddr) per connection.
//!
//! Whoever opens sockets asks for the next source; when the kernel says that a port is in use, the answer is to ask again. The same
//! setting gives the same sequence on every machine and in every version, which is why the generator of random numbers is our own.
//!
//! ```
//! use lab_ports::{Addresses, Model, Network, Setting};
//!
//! let setting = Setting { addresses: Addresses::drawn(Network::Loopback), ports: None, seed: 7 };
//! let even = Model::LinuxConnect.sources(&setting).take(1_000).filter(|source| source.port() % 2 == 0).count();
//! assert_eq!(even, 1_000);
//! ```

mod addresses;
mod model;
mod models;
mod random;
mod setting;
mod sources;

pub use addresses::{Addresses, Network};
pub use model::{Model, UnknownModel};
pub use setting::Setting;
pub use sources::Sources;
