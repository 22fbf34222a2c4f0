//! One file per way of handing out sources.

mod bind_first;
mod cgnat_blocks;
mod home_nat;
mod host;
mod ipv6_privacy;
mod linux_connect;
mod per_core_residue;
mod range;
mod stride;

pub(crate) use bind_first::BindFirst;
pub(crate) use cgnat_blocks::CgnatBlocks;
pub(crate) use home_nat::HomeNat;
pub(crate) use host::Host;
pub(crate) use ipv6_privacy::Ipv6Privacy;
pub(crate) use linux_connect::LinuxConnect;
pub(crate) use per_core_residue::PerCoreResidue;
pub(crate) use range::Range;
pub(crate) use stride::Stride;
