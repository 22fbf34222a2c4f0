//! What a device is: for the evidence, and to know what it can do.

use serde_json::{Value as Json, json};

use crate::session::{DeviceError, Session};
use crate::statistics;

/// Version, modules and state of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFacts {
    /// `BIG-IP`.
    pub product: String,
    /// `17.1.1`.
    pub version: String,
    /// `0.0.6`.
    pub build: String,
    /// `ltm (nominal)`, of those that are provisioned.
    pub modules: Vec<String>,
    /// `ACTIVE`, `STANDBY`.
    pub failover: String,
    /// AS3's version; `None` where it is not installed.
    pub as3: Option<String>,
}

impl DeviceFacts {
    /// Asks for all of them.
    ///
    /// # Errors
    /// See [`DeviceError`].
    pub fn read(session: &mut Session) -> Result<Self, DeviceError> {
        let version = statistics::flat(&session.get("/mgmt/tm/sys/version")?);
        let text = |name: &str| {
            version
                .get(name)
                .and_then(Json::as_str)
                .unwrap_or("unknown")
                .to_owned()
        };
        let failover = statistics::flat(&session.get("/mgmt/tm/cm/failover-status")?);
        Ok(Self {
            product: text("Product"),
            version: text("Version"),
            build: text("Build"),
            modules: modules(&session.get("/mgmt/tm/sys/provision")?),
            failover: failover
                .get("status")
                .and_then(Json::as_str)
                .unwrap_or("unknown")
                .to_owned(),
            as3: as3(session)?,
        })
    }

    /// For the evidence.
    pub fn as_json(&self) -> Json {
        json!({
            "product": self.product,
            "version": self.version,
            "build": self.build,
            "modules": self.modules,
            "failover": self.failover,
            "as3": self.as3,
        })
    }
}

/// Where AS3 is missing its URI is "not registered", which elsewhere means "not yet": the list of packages knows.
fn as3(session: &mut Session) -> Result<Option<String>, DeviceError> {
    let listed = session.find("/mgmt/shared/iapp/global-installed-packages")?;
    let packages = listed
        .as_ref()
        .and_then(|listed| listed.get("items"))
        .and_then(Json::as_array);
    let installed = packages
        .into_iter()
        .flatten()
        .any(|package| package.get("appName").and_then(Json::as_str) == Some("f5-appsvcs"));
    if !installed {
        return Ok(None);
    }
    let info = session.get("/mgmt/shared/appsvcs/info")?;
    Ok(info
        .get("version")
        .and_then(Json::as_str)
        .map(str::to_owned))
}

fn modules(provision: &Json) -> Vec<String> {
    let items = provision.get("items").and_then(Json::as_array);
    let module = |item: &Json| {
        let name = item.get("name")?.as_str()?;
        let level = item.get("level").and_then(Json::as_str).unwrap_or("none");
        (level != "none").then(|| format!("{name} ({level})"))
    };
    items.into_iter().flatten().filter_map(module).collect()
}
