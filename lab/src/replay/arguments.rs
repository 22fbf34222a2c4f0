//! What is typed about a device.

use std::path::{Path, PathBuf};

use clap::Args;
use lab_icontrol::credentials::Credentials;
use lab_icontrol::target::{Target, Trust};

use super::site::ReplaySite;
use super::{Device, Replay};
use crate::options::UsageError;

/// Which device, and who asks it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DeviceArguments {
    /// The variable or file (mode 600) that holds USER:PASSWORD of the device
    #[arg(long, value_name = "VARIABLE-OR-FILE")]
    pub(crate) credentials_from: Option<String>,
    /// Believes the device when this certificate, in PEM, is its own or has signed its own
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,
    /// Believes any certificate: whoever is in between can read the password
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// `--adc bigip` and what it needs.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReplayArguments {
    /// With --adc bigip: the device's management, https://HOST
    #[arg(long, value_name = "URL")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    /// With --adc bigip: your addresses, see f5-irules/replay.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) site: Option<PathBuf>,
    /// With --adc bigip: changes the device. Without it the difference is shown and nothing is changed
    #[arg(long)]
    pub(crate) allow_config_changes: bool,
}

impl DeviceArguments {
    /// The device at `target`.
    pub(crate) fn device(&self, target: Target) -> Result<Device, UsageError> {
        let Some(name) = &self.credentials_from else {
            return Err(wrong(
                "the device wants credentials; add --credentials-from VARIABLE-OR-FILE, which holds USER:PASSWORD",
            ));
        };
        let trust = match (&self.ca, self.insecure) {
            (Some(file), _) => Trust::from_pem_file(file).map_err(wrong)?,
            (None, true) => Trust::Anybody,
            (None, false) => Trust::System,
        };
        Ok(Device {
            target,
            trust,
            credentials: Credentials::from_variable_or_file(name).map_err(wrong)?,
        })
    }

    fn typed(&self) -> String {
        let mut typed = String::new();
        if let Some(name) = &self.credentials_from {
            typed.push_str(&format!(" --credentials-from {name}"));
        }
        if let Some(file) = &self.ca {
            typed.push_str(&format!(" --ca {}", file.display()));
        }
        if self.insecure {
            typed.push_str(" --insecure");
        }
        typed
    }
}

impl ReplayArguments {
    /// The replay, complete. `out` is where the run's record goes.
    pub(crate) fn replay(&self, out: Option<&Path>) -> Result<Replay, UsageError> {
        let (Some(target), Some(file)) = (&self.target, &self.site) else {
            return Err(wrong(
                "--adc bigip needs a device; add --target https://HOST --credentials-from VARIABLE-OR-FILE --site FILE, or use --adc bigip-standin",
            ));
        };
        let target = Target::parse(target).map_err(wrong)?;
        let device = self.device.device(target)?;
        let mut typed = format!(" --target {}", device.target);
        typed.push_str(&self.device.typed());
        typed.push_str(&format!(" --site {}", file.display()));
        if self.allow_config_changes {
            typed.push_str(" --allow-config-changes");
        }
        Ok(Replay {
            device,
            site: ReplaySite::read(file)?,
            allow_changes: self.allow_config_changes,
            evidence: out.unwrap_or_else(|| Path::new("out")).join("evidence"),
            typed,
        })
    }

    /// Nothing of this goes with another load balancer.
    pub(crate) fn refuse_all(&self) -> Result<(), UsageError> {
        let given = [
            ("--target", self.target.is_some()),
            ("--site", self.site.is_some()),
            ("--allow-config-changes", self.allow_config_changes),
            ("--credentials-from", self.device.credentials_from.is_some()),
            ("--ca", self.device.ca.is_some()),
            ("--insecure", self.device.insecure),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(wrong(format!("{name} is about a device; add --adc bigip"))),
            None => Ok(()),
        }
    }
}

/// A mistake about the device.
pub(crate) fn wrong(error: impl ToString) -> UsageError {
    UsageError::Device(error.to_string())
}
