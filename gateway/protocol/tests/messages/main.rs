//! The words between device and gateway, read and written.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod requests;
