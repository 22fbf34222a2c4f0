//! A BIG-IP stand-in: the engine of `lab-adc`, configured by tmsh and AS3 files and running their iRules.
//!
//! - [`translate`]: F5's objects as the engine's neutral model. What the engine cannot do is refused, never left out.
//! - [`rules`]: iRules on the engine's events, one interpreter per TMM.
//! - [`icontrol`]: the device's REST face: login, transactions, CRUD, member state, statistics, AS3; over HTTPS.
//! - [`certificate`]: what its TLS shows to clients.
//! - [`serve`]: the stand-in as a process of its own.
//!
//! Absent: TLS, HTTP and WebSocket profiles on the data plane. A virtual server with one of these is refused with the
//! reason; its rules can still be tried with `lab_irules::Rehearsal`.

pub mod certificate;
pub mod icontrol;
pub mod rules;
pub mod serve;
pub mod translate;
