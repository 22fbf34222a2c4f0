//! Which workgroup a client belongs to.
//!
//! A client's connection is served by one workgroup, found by hashing its address. Two things can be hashed:
//!
//! - [`Hashing::Ip`], `X.ConnectionOffload = false`: the address alone. Behind a load balancer that does SNAT and sends
//!   no PROXY header, every client comes from one address, so **one workgroup gets everybody**.
//! - [`Hashing::IpPort`], `X.ConnectionOffload = true`: address and source port. The connections behind one address
//!   spread over all workgroups.
//!
//! [`LeastLoaded`] hashes nothing: the emptiest workgroup gets the next connection.
//!
//! Source ports are far from random: Linux `connect()` hands out one parity, proxies count upwards, carrier NATs give
//! blocks, big load balancers stride by their number of cores. So the hash must mix every input bit into every output
//! bit. SipHash-1-3 does, and its key keeps strangers from aiming at one workgroup. `port % k` does not, nor
//! does FNV-1a reduced by its high bits; feature `control-hashes` offers them as known-bad controls.
//!
//! The 64-bit hash is reduced by multiply-shift, `hash * k >> 64` on the 128-bit product, which is free of the bias of `hash % k`.

mod least_loaded;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;

use siphasher::sip::SipHasher13;

pub use least_loaded::LeastLoaded;

/// What of a client's address decides its workgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hashing {
    /// The address alone: `X.ConnectionOffload = false`.
    Ip,
    /// Address and source port: `X.ConnectionOffload = true`.
    IpPort,
}

impl Hashing {
    /// The hashing that a value of `X.ConnectionOffload` asks for.
    #[must_use]
    pub fn from_connection_offload(offload: bool) -> Self {
        if offload { Self::IpPort } else { Self::Ip }
    }
}

/// The rule that assigns clients to workgroups. Equal rules place equal clients alike, in any process.
#[derive(Debug, Clone)]
pub struct Placement {
    rule: Rule,
    workgroups: NonZeroUsize,
}

#[derive(Debug, Clone)]
enum Rule {
    Sip {
        hashing: Hashing,
        hasher: SipHasher13,
    },
    #[cfg(feature = "control-hashes")]
    Control(ControlHash),
}

impl Placement {
    /// A rule over `workgroups` groups. The key should be secret in production and fixed where runs are to be repeated.
    #[must_use]
    pub fn new(hashing: Hashing, workgroups: NonZeroUsize, key: [u8; 16]) -> Self {
        let hasher = SipHasher13::new_with_key(&key);
        Self {
            rule: Rule::Sip { hashing, hasher },
            workgroups,
        }
    }

    /// A rule that is known to be bad, to see whether a test notices.
    #[cfg(feature = "control-hashes")]
    #[must_use]
    pub fn control(hash: ControlHash, workgroups: NonZeroUsize) -> Self {
        Self {
            rule: Rule::Control(hash),
            workgroups,
        }
    }

    /// The client's workgroup, `0 .. workgroups`. IPv4-mapped addresses are placed as the IPv4 addresses they stand for.
    #[must_use]
    pub fn workgroup(&self, client: SocketAddr) -> usize {
        match &self.rule {
            Rule::Sip { hashing, hasher } => reduce(
                hasher.hash(HashInput::of(client, *hashing).bytes()),
                self.workgroups,
            ),
            #[cfg(feature = "control-hashes")]
            Rule::Control(hash) => hash.workgroup(client, self.workgroups),
        }
    }

    /// How many workgroups there are.
    #[must_use]
    pub fn workgroups(&self) -> NonZeroUsize {
        self.workgroups
    }
}

/// The bytes that are hashed: 4 or 16 of the address, then 2 of the port in network order if it counts.
struct HashInput {
    buffer: [u8; 18],
    len: usize,
}

impl HashInput {
    fn of(client: SocketAddr, hashing: Hashing) -> Self {
        let mut input = Self {
            buffer: [0; 18],
            len: 0,
        };
        match client.ip().to_canonical() {
            IpAddr::V4(v4) => input.push(&v4.octets()),
            IpAddr::V6(v6) => input.push(&v6.octets()),
        }
        if hashing == Hashing::IpPort {
            input.push(&client.port().to_be_bytes());
        }
        input
    }

    fn push(&mut self, bytes: &[u8]) {
        self.buffer[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

/// Multiply-shift: the high half of the 128-bit product is below `workgroups` and even for an even hash.
fn reduce(hash: u64, workgroups: NonZeroUsize) -> usize {
    let product = u128::from(hash) * workgroups.get() as u128;
    (product >> 64) as usize
}

/// Placement rules that are known to be bad on real source ports. A distribution test that passes with one is no test.
#[cfg(feature = "control-hashes")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlHash {
    /// `port % k`: idles half the workgroups on Linux' even ports.
    PortModulo,
    /// FNV-1a over address and port, reduced by multiply-shift: its high bits hardly depend on the last bytes.
    FnvMultiplyShift,
    /// SipHash-1-3 with a fixed key over the address alone, whatever `X.ConnectionOffload` says.
    IpOnly,
}

#[cfg(feature = "control-hashes")]
impl ControlHash {
    /// Every control hash.
    pub const ALL: [Self; 3] = [Self::PortModulo, Self::FnvMultiplyShift, Self::IpOnly];

    /// The name that configuration files use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PortModulo => "port-modulo",
            Self::FnvMultiplyShift => "fnv-multiply-shift",
            Self::IpOnly => "ip-only",
        }
    }

    /// The control hash of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name() == name)
    }

    fn workgroup(self, client: SocketAddr, workgroups: NonZeroUsize) -> usize {
        match self {
            Self::PortModulo => usize::from(client.port()) % workgroups,
            Self::FnvMultiplyShift => reduce(
                fnv1a(HashInput::of(client, Hashing::IpPort).bytes()),
                workgroups,
            ),
            Self::IpOnly => {
                let hasher = SipHasher13::new_with_key(b"a fixed test key");
                reduce(
                    hasher.hash(HashInput::of(client, Hashing::Ip).bytes()),
                    workgroups,
                )
            }
        }
    }
}

#[cfg(feature = "control-hashes")]
fn fnv1a(bytes: &[u8]) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    bytes.iter().fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}
