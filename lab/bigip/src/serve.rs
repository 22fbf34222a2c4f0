//! The stand-in as a process of its own: `lab adc serve bigip`.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lab_adc::model::Tls;
use lab_f5::object::Object;
use lab_f5::{as3, tmsh};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::certificate::{Certificate, CertificateError};
use crate::icontrol::ApiError;
use crate::icontrol::device::Device;
use crate::icontrol::server::{Server, ServerError};
use crate::translate::Stage;

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// A file or folder of tmsh files, AS3 declarations and iRules to begin with.
    pub config: Option<PathBuf>,
    /// Where iControl REST answers.
    pub rest: SocketAddr,
    /// The data plane.
    pub stage: Stage,
    /// The account.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Where the certificate goes that clients of iControl REST are shown, in PEM; devices as well, unless `tls` has another.
    pub certificate: Option<PathBuf>,
    /// What devices are shown where TLS ends, whichever certificate of the device the files name.
    pub tls: Option<Tls>,
}

/// The one line of JSON on standard output that says: ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReadyLine {
    /// Where iControl REST answers, over HTTPS.
    pub rest: SocketAddr,
    /// Virtual servers and where devices reach them.
    pub virtual_servers: Vec<(String, SocketAddr)>,
}

/// Why the stand-in does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The certificate cannot be written.
    #[error("cannot write {path}: {error}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file is not what its ending says.
    #[error("{0}")]
    Syntax(String),
    /// The appliance would refuse the configuration.
    #[error("{0}")]
    Refused(#[from] ApiError),
    /// The stand-in cannot run a virtual server of the files.
    #[error("{server}: {reason}")]
    NotModelled {
        /// Its path.
        server: String,
        /// What is missing.
        reason: String,
    },
    /// Devices cannot be shown this.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The REST face does not come up.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Standard output is closed, or there is no loop to run in.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ServeError {
    /// Whether whoever wrote the command or the files is to blame, and not the machine.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Unreadable { .. }
                | Self::Unwritable { .. }
                | Self::Syntax(_)
                | Self::Certificate(_)
                | Self::Refused(_)
                | Self::NotModelled { .. }
        )
    }
}

/// Serves until the process ends; prints a [`ReadyLine`] once everything listens.
///
/// # Errors
/// See [`ServeError`].
pub fn serve_bigip(options: &Options) -> Result<(), ServeError> {
    let objects = match &options.config {
        Some(path) => read(path)?,
        None => Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let certificate = Arc::new(Certificate::make().map_err(ServerError::from)?);
        let shown = match &options.tls {
            None => Arc::clone(&certificate),
            Some(files) => Arc::new(Certificate::from_pem_files(&files.certificate, &files.key)?),
        };
        let stage = Stage {
            certificate: Some(shown),
            ..options.stage.clone()
        };
        let mut device = Device::new(stage, &options.user, &options.password);
        device.load(&objects).await?;
        // What came by REST may stay offline; what was given on the command line must run.
        if let Some((server, reason)) = device.offline().into_iter().next() {
            return Err(ServeError::NotModelled { server, reason });
        }
        if let Some(path) = &options.certificate {
            fs::write(path, &certificate.pem).map_err(|error| ServeError::Unwritable {
                path: path.clone(),
                error,
            })?;
        }
        let server = Server::bind(options.rest, &certificate).await?;
        announce(&ReadyLine {
            rest: server.address,
            virtual_servers: device.addresses(),
        })?;
        server.run(Arc::new(Mutex::new(device))).await;
        Ok(())
    })
}

fn announce(line: &ReadyLine) -> Result<(), ServeError> {
    let text = serde_json::to_string(line).map_err(io::Error::other)?;
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")?;
    output.flush()?;
    Ok(())
}

/// Objects of a file, or of the files of a folder.
fn read(path: &Path) -> Result<Vec<Object>, ServeError> {
    let unreadable = |error| ServeError::Unreadable {
        path: path.to_owned(),
        error,
    };
    if path.is_dir() {
        let mut inside = Vec::new();
        for entry in fs::read_dir(path).map_err(unreadable)? {
            inside.push(entry.map_err(unreadable)?.path());
        }
        inside.sort();
        let wanted = |path: &&PathBuf| {
            path.extension()
                .is_some_and(|ending| ["conf", "json", "scf"].iter().any(|known| ending == *known))
        };
        let mut objects = Vec::new();
        for path in inside.iter().filter(wanted) {
            objects.extend(read(path)?);
        }
        return Ok(objects);
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let name = path.display().to_string();
    if path.extension().is_some_and(|ending| ending == "json") {
        let declaration = as3::parse(&name, &text);
        return match declaration.complaints.first() {
            None => Ok(declaration.objects),
            Some(complaint) => Err(ServeError::Syntax(format!(
                "{}: {}; {}",
                complaint.place, complaint.reason, complaint.remedy
            ))),
        };
    }
    tmsh::parse(&name, &text).map_err(|error| ServeError::Syntax(error.to_string()))
}
