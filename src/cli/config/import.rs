//! `config import`: a configuration made from what SPIRE has.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::Exit;
use crate::cli::output::{chain, complain, print};
use crate::config::bootstrap;
use crate::config::import::{self, Imported, Origin};
use anchorwatch_core::spiffe::TrustDomain;

/// The arguments of `config import`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct Arguments {
    /// File from SPIRE to read; - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Kind of the file, where its content does not show it.
    #[arg(long, value_enum)]
    from: Option<From>,
    /// Folder for the bundles of the resources, as bootstrap files; no file is overwritten.
    #[arg(long, value_name = "FOLDER")]
    bundles: Option<PathBuf>,
}

/// What can be imported.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum From {
    /// SPIRE's server.conf.
    ServerConf,
    /// The output of `spire-server federation list -output json`.
    FederationList,
    /// `ClusterFederatedTrustDomain` resources.
    Kubernetes,
}

impl From {
    fn origin(self) -> Origin {
        match self {
            Self::ServerConf => Origin::ServerConf,
            Self::FederationList => Origin::FederationList,
            Self::Kubernetes => Origin::Kubernetes,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let name = arguments.file.display();
    let text = match read(&arguments.file) {
        Ok(text) => text,
        Err(why) => {
            complain(&format!("cannot read {name}: {why}"));
            return Exit::CannotLook;
        }
    };
    let origin = arguments.from.map_or_else(|| import::detect(&text), From::origin);
    let imported = match import::parse(&text, origin) {
        Ok(imported) => imported,
        Err(why) => {
            complain(&format!("{name}: {}", chain(&why)));
            return Exit::Warning;
        }
    };
    match bundles(&imported, arguments.bundles.as_deref()) {
        Ok(written) => {
            print(imported.yaml(&written).trim_end());
            Exit::Ok
        }
        Err(why) => {
            complain(&why);
            Exit::Warning
        }
    }
}

/// Writes the bundles that the input has beside its relationships, each to a bootstrap file.
fn bundles(
    imported: &Imported,
    folder: Option<&Path>,
) -> Result<BTreeMap<TrustDomain, String>, String> {
    let mut written = BTreeMap::new();
    for partner in &imported.partners {
        let Some(bundle) = &partner.bundle else { continue };
        let name = &partner.trust_domain;
        let Some(folder) = folder else {
            complain(&format!(
                "the input contains a bundle of {name}: with --bundles FOLDER it is written as a bootstrap file"
            ));
            continue;
        };
        bootstrap::parse_bytes(bundle.as_bytes(), name)
            .map_err(|why| format!("the bundle of {name}: {}", chain(&why)))?;
        let path = folder.join(format!("{name}.bundle.json"));
        let file = File::create_new(&path).and_then(|mut file| file.write_all(bundle.as_bytes()));
        file.map_err(|why| format!("cannot write {}: {why}", path.display()))?;
        written.insert(name.clone(), path.display().to_string());
    }
    Ok(written)
}

fn read(path: &Path) -> std::io::Result<String> {
    let most = u64::try_from(import::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().take(most).read_to_string(&mut text)?;
    } else {
        File::open(path)?.take(most).read_to_string(&mut text)?;
    }
    Ok(text)
}
