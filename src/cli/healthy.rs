//! `anchorwatch healthy`: whether the daemon of this configuration is well, for a container's health
//! check where there is no shell and no curl.

use std::path::PathBuf;

use clap::Args;

use super::output::print;
use super::source;
use super::{Exit, Global, runtime};
use crate::web::AdminClient;

/// Ask the running daemon whether it is well.
#[derive(Args, Debug)]
#[command(after_help = "\
It asks over the admin socket, as the user that the daemon runs as. Exit codes: 0 it is well, 1 it
says why not, 3 no daemon answers.

Example:
  anchorwatch healthy --ready")]
pub(super) struct Arguments {
    /// Check readiness too: whether the store can be written.
    #[arg(long)]
    ready: bool,
    /// Admin socket to ask, instead of the configuration's; the configuration is then not read.
    #[arg(long, value_name = "PATH")]
    admin_socket: Option<PathBuf>,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Exit {
    let socket = match &arguments.admin_socket {
        Some(socket) => socket.clone(),
        None => match source::load(global) {
            Ok(config) => config.admin_socket,
            Err(exit) => return exit,
        },
    };
    let target = if arguments.ready { "/-/ready" } else { "/-/healthy" };
    runtime(async {
        let answer = match AdminClient::connect(&socket).await {
            Ok(client) => client.text(target).await,
            Err(why) => Err(why),
        };
        match answer {
            Ok(said) => {
                print(said.trim_end());
                Exit::Ok
            }
            Err(why) => source::unanswered(&why),
        }
    })
}
