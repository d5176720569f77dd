//! Status lines inside of bodies.

/// The reason phrase of a status that a multistatus can hold; empty for others, as RFC 9112 allows.
pub(crate) const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        _ => "",
    }
}

/// The code of a status line such as `HTTP/1.1 200 OK`.
pub(crate) fn parse_status(line: &str) -> Option<u16> {
    let mut words = line.split_ascii_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/"))?;
    let code = words.next().filter(|code| code.len() == 3)?;
    code.parse().ok().filter(|code| (100..=999).contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_read_with_and_without_a_reason() {
        for (line, code) in [
            ("HTTP/1.1 200 OK", Some(200)),
            ("HTTP/1.1 404", Some(404)),
            (" HTTP/2 507 Insufficient Storage ", Some(507)),
            ("200 OK", None),
            ("HTTP/1.1 20 OK", None),
            ("HTTP/1.1 +20", None),
            ("HTTP/1.1 099", None),
            ("", None),
        ] {
            assert_eq!(parse_status(line), code, "{line:?}");
        }
    }
}
