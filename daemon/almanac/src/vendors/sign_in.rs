//! A person signs in at a vendor, in a browser: on this machine, or on another one whose last address is pasted.

use std::io::{self, BufRead as _, Write as _};
use std::time::Duration;

use almanac_base::{Clock as _, SystemClock};
use almanac_egress::oauth::{Application, Loopback, RedirectError, Tokens, parse_redirect};
use almanac_egress::{Client, EgressConfig};

use crate::failure::{Failure, chain};

/// How long somebody may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// The longest line that is pasted, in bytes.
const PASTED_MAX: u64 = 16 << 10;

/// How the vendor's answer comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To a port of this machine.
    Browser,
    /// Pasted by the person.
    Paste,
}

/// Signs a person in, and gives the first tokens.
///
/// # Errors
/// Why there are none.
pub(crate) async fn sign_in(
    egress: &EgressConfig,
    application: &Application,
    way: Way,
) -> Result<Tokens, Failure> {
    let client = Client::new(egress)
        .map_err(|error| Failure::failed(chain(&error), "correct [egress] in the configuration"))?;
    let port = Loopback::open().await.map_err(|error| refused(&error))?;
    let sign_in = application
        .begin(&port.redirect())
        .map_err(|error| Failure::failed(chain(&error), "correct --auth-url, --token-url or --authority"))?;
    let mut err = io::stderr();
    let _ = writeln!(err, "Open this address in a browser and sign in:\n\n{}\n", sign_in.url);
    let code = match way {
        Way::Browser => {
            let _ = writeln!(err, "Waiting for the browser to come back to this machine ...");
            port.accept(&sign_in.state, PATIENCE).await
        }
        Way::Paste => {
            let _ = writeln!(
                err,
                "The browser ends at an address that begins with {} and cannot be shown. Paste it here:",
                sign_in.redirect
            );
            let mut line = String::new();
            let mut stdin = io::Read::take(io::stdin().lock(), PASTED_MAX);
            stdin.read_line(&mut line).map_err(|error| {
                Failure::failed(format!("cannot read the address: {error}"), "paste it again")
            })?;
            parse_redirect(&line, &sign_in.state)
        }
    };
    let code = code.map_err(|error| refused(&error))?;
    let client = std::sync::Arc::new(client);
    application.finish(&client, &sign_in, &code, SystemClock.now()).await.map_err(|error| {
        Failure::failed(chain(&error), "begin again; check --client-id and --client-secret-file")
    })
}

fn refused(error: &RedirectError) -> Failure {
    let remedy = match error {
        RedirectError::Listen => "use --paste",
        RedirectError::State => "paste the address of this very sign-in, whole",
        RedirectError::TimedOut => "begin again; use --paste if the browser is on another machine",
        _ => "begin again, and allow what is asked for",
    };
    Failure::failed(chain(error), remedy)
}
