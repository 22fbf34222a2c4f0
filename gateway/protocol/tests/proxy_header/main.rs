//! The PROXY protocol, rule by rule. Names like `v1-port-plus` and numbers like "rule 21" are those of the list of
//! rules drawn from the specification (haproxy.org, `doc/proxy-protocol.txt`, 2026/04/27). The bytes are written by
//! hand; the crate's own encoder is no witness for its decoder.

#[cfg(test)]
mod encode;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tlv;
#[cfg(test)]
mod vector;
#[cfg(test)]
mod version1;
#[cfg(test)]
mod version1_fields;
#[cfg(test)]
mod version2;
