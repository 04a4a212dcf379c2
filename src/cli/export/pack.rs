//! A folder of files, each with its digest.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;

use anchorwatch_core::untrusted::escape_json;

/// A pack in the making.
pub(super) struct Pack {
    folder: PathBuf,
    /// The files that are complete, as `sha256sum` writes them.
    manifest: Vec<String>,
}

/// A file that is hashed as it is written.
pub(super) struct Hashed {
    name: String,
    out: BufWriter<File>,
    digest: Context,
}

impl Pack {
    /// Makes the folder, which must not be there. Evidence is for those who are given it: nobody
    /// else may read it.
    pub(super) fn create(folder: &Path) -> Result<Self, String> {
        let made = DirBuilder::new().mode(0o700).create(folder);
        made.map_err(|why| format!("cannot make {}: {why}", folder.display()))?;
        let bundles = folder.join("bundles");
        let made = DirBuilder::new().mode(0o700).create(&bundles);
        made.map_err(|why| format!("cannot make {}: {why}", bundles.display()))?;
        Ok(Self { folder: folder.into(), manifest: Vec::new() })
    }

    /// Begins a file.
    pub(super) fn file(&self, name: &str) -> Result<Hashed, String> {
        let path = self.folder.join(name);
        let file = File::create_new(&path);
        let file = file.map_err(|why| format!("cannot make {}: {why}", path.display()))?;
        let (name, out) = (name.to_owned(), BufWriter::new(file));
        Ok(Hashed { name, out, digest: Context::new(&SHA256) })
    }

    /// Ends a file.
    pub(super) fn close(&mut self, file: Hashed) -> Result<(), String> {
        let Hashed { name, mut out, digest } = file;
        let synced = out.flush().and_then(|()| out.get_ref().sync_all());
        synced.map_err(|why| format!("cannot write {name}: {why}"))?;
        let mut digits = String::new();
        for byte in digest.finish().as_ref() {
            // Writing to a string does not fail.
            let _ = write!(digits, "{byte:02x}");
        }
        self.manifest.push(format!("{digits}  {name}"));
        Ok(())
    }

    /// Writes a file at once.
    pub(super) fn whole(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let mut file = self.file(name)?;
        file.write(bytes)?;
        self.close(file)
    }

    /// Writes a value as indented JSON.
    pub(super) fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), String> {
        let text = serde_json::to_string_pretty(value).map_err(|why| why.to_string())?;
        self.whole(name, format!("{}\n", escape_json(&text)).as_bytes())
    }

    /// Writes the manifest. `sha256sum` passes over a line that begins with `#`.
    pub(super) fn finish(mut self, remark: &str) -> Result<(), String> {
        self.manifest.sort_unstable_by(|a, b| a.get(64..).cmp(&b.get(64..)));
        let text = format!("# {remark}\n{}\n", self.manifest.join("\n"));
        self.whole("MANIFEST.sha256", text.as_bytes())
    }
}

impl Hashed {
    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.digest.update(bytes);
        self.out.write_all(bytes).map_err(|why| format!("cannot write {}: {why}", self.name))
    }

    /// Writes a value as a line of JSON.
    pub(super) fn line(&mut self, value: &impl Serialize) -> Result<(), String> {
        let text = serde_json::to_string(value).map_err(|why| why.to_string())?;
        self.write(format!("{}\n", escape_json(&text)).as_bytes())
    }
}
