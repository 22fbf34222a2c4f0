//! A BIG-IP stand-in: the engine of `lab-adc`, configured by tmsh and AS3 files and running their iRules.
//!
//! - [`translate`]: F5's objects as the engine's neutral model. What the engine cannot do is refused, never left out.
//! - [`rules`]: iRules on the engine's events, one interpreter per TMM; HTTP and WebSocket events among them.
//! - `web`: HTTP messages and WebSocket frames, found in bytes.
//! - [`icontrol`]: the device's REST face: login, transactions, CRUD, member state, statistics, AS3; over HTTPS.
//! - [`certificate`]: what its TLS shows to clients.
//! - [`serve`]: the stand-in as a process of its own.
//!
//! Absent: TLS towards members, OneConnect, HTTP/2. A virtual server with what is not modelled is refused with the
//! reason; its rules can still be tried with `lab_irules::Rehearsal`.

pub mod certificate;
pub mod icontrol;
pub mod rules;
pub mod serve;
pub mod translate;
mod web;
