//! A device that has the configuration: its pool, asked and told over iControl REST.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use lab_icontrol::pool::{self, Wish};
use lab_icontrol::session::{DeviceError, Session};

use crate::interrupt::Interrupt;
use crate::provider::{MemberCount, MemberState, ProviderError};
use crate::replay::remedy;

/// From the declaration to a verdict on every member.
const TO_CHECK: Duration = Duration::from_secs(60);

/// A session, and the pool of the gateways.
pub(super) struct Appliance {
    pub(super) session: Session,
    pub(super) pool: String,
}

impl Appliance {
    /// Takes a member out, or back in. A member that is down also loses what it has, for which forcing it offline is not enough.
    pub(super) fn set_member(
        &mut self,
        member: SocketAddr,
        wanted: MemberState,
    ) -> Result<(), ProviderError> {
        let wish = match wanted {
            MemberState::Enabled => Wish::Enabled,
            MemberState::Draining => Wish::Disabled,
            MemberState::Down => Wish::ForcedOffline,
        };
        pool::set(&mut self.session, &self.pool, member, wish).map_err(provider_error)?;
        if wanted == MemberState::Down {
            pool::end_connections(&mut self.session, member).map_err(provider_error)?;
        }
        Ok(())
    }

    /// A share of new connections, or none at all; shares of members that get some are alike.
    pub(super) fn set_weight(
        &mut self,
        member: SocketAddr,
        weight: u32,
    ) -> Result<(), ProviderError> {
        let state = match weight {
            0 => MemberState::Draining,
            _ => MemberState::Enabled,
        };
        self.set_member(member, state)
    }

    /// What the device counts.
    pub(super) fn members(&mut self) -> Result<Vec<MemberCount>, ProviderError> {
        let counts = pool::members(&mut self.session, &self.pool).map_err(provider_error)?;
        let count = |member: pool::MemberState| MemberCount {
            address: member.address,
            up: member.takes_new,
            current: member.current,
            total: member.total,
        };
        Ok(counts.into_iter().map(count).collect())
    }

    /// Waits until every monitor has seen every member once.
    pub(super) fn await_verdicts(&mut self, interrupt: &Interrupt) -> Result<(), ProviderError> {
        let checked = interrupt.wait_until(TO_CHECK, || {
            let members = pool::members(&mut self.session, &self.pool).map_err(provider_error)?;
            Ok(!members.is_empty() && members.iter().all(|member| member.is_checked))
        })?;
        if checked {
            Ok(())
        } else {
            Err(anyhow!("the device's monitors came to no verdict in {TO_CHECK:?}").into())
        }
    }
}

/// A device's error in the lab's words.
pub(super) fn provider_error(error: DeviceError) -> ProviderError {
    match (remedy(&error), error) {
        (_, DeviceError::Interrupted) => ProviderError::Interrupted,
        (Some(remedy), error) => ProviderError::Unfit {
            what: error.to_string(),
            remedy: remedy.to_owned(),
        },
        (None, error) => ProviderError::Failed(error.into()),
    }
}
