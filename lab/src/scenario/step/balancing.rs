//! The steps that change how devices find their gateway.

use serde::{Deserialize, Serialize};

/// `do.weights`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Weights {
    /// The weight of each gateway, 0 to 100; 0 gets nothing new. Names have no weights: there a gateway has its address in the answer, or not.
    pub gateways: Vec<u32>,
}

/// `do.names`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Names {
    /// What the name server does from now on.
    pub answer: NamesAnswer,
}

/// What a name server does with questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamesAnswer {
    /// The truth.
    Well,
    /// There is no such name.
    Nxdomain,
    /// It fails.
    Servfail,
    /// Nothing at all.
    Silence,
    /// UDP answers are cut off; the whole is had over TCP.
    Truncated,
}
