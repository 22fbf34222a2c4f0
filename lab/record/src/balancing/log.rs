//! What is noted while devices look for gateways.

/// Everything that the figures are made of. Times are milliseconds since the cell's first step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    /// How devices find their gateway.
    pub way: String,
    /// What devices did and what befell them, in the order of time.
    pub notes: Vec<Note>,
    /// How gateways stood, in the order of time.
    pub looks: Vec<Look>,
    /// When gateways were not there.
    pub away: Vec<Away>,
    /// When something was changed, in the order of time.
    pub changes_ms: Vec<f64>,
}

/// Something about one device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Note {
    /// When.
    pub at_ms: f64,
    /// The device.
    pub device: u32,
    /// What.
    pub what: What,
}

/// What befell a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It went to this gateway; `None` where a load balancer decides.
    Tried(Option<u32>),
    /// It has a connection.
    Connected,
    /// The attempt failed.
    Failed,
    /// Somebody was there and turned it away.
    TurnedAway,
    /// The connection ended without its wish.
    Lost,
}

/// The gateways at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// When.
    pub at_ms: f64,
    /// Connections of each.
    pub connections: Vec<u64>,
    /// The weight of each, as devices or the load balancer are told; what is not there has it all the same.
    pub weights: Vec<u32>,
}

/// A gateway that was not there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Away {
    /// Which.
    pub gateway: u32,
    /// Since when.
    pub from_ms: f64,
    /// Until when; `None` if it did not come back.
    pub until_ms: Option<f64>,
}

impl Log {
    /// The weights of a moment; 0 for gateways that were away.
    pub(super) fn present(&self, look: &Look) -> Vec<u32> {
        let weights = (0..).zip(&look.weights);
        let weight = |(gateway, weight): (u32, &u32)| {
            let is_away = self.is_away(gateway, look.at_ms);
            if is_away { 0 } else { *weight }
        };
        weights.map(weight).collect()
    }

    /// Whether this gateway was away then.
    pub(super) fn is_away(&self, gateway: u32, at_ms: f64) -> bool {
        self.away.iter().any(|away| away.covers(gateway, at_ms))
    }
}

impl Away {
    fn covers(&self, gateway: u32, at_ms: f64) -> bool {
        self.gateway == gateway
            && self.from_ms <= at_ms
            && self.until_ms.is_none_or(|until| at_ms < until)
    }
}
