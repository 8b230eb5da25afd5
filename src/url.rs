//! The URLs of the command line tools and of the bindings: `nfs://server/path/file?argument=value&...`.
//!
//! Only text is handled here. The form is that of RFC 2224 without port and user, plus arguments, which
//! [`Settings::apply`](crate::client::Settings::apply) understands.

use crate::error::{Error, Result};

const SCHEME: &[u8] = b"nfs://";

/// What a URL has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Server, directory and file: the last slash separates the last two.
    Full,
    /// Server and directory.
    Directory,
    /// Like `Full`, but whatever is missing at the end is None.
    Incomplete,
}

/// Names and values in the order of the URL, undecoded. An argument without `=` has an empty value.
pub type Arguments = Vec<(Vec<u8>, Vec<u8>)>;

/// The parts of a URL. No part contains a NUL byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Url {
    /// Name or address as written. None only in the incomplete form.
    pub server: Option<Vec<u8>>,
    /// Begins with a slash, or is empty when the file lies in the root.
    pub path: Option<Vec<u8>>,
    /// Begins with a slash.
    pub file: Option<Vec<u8>>,
    pub arguments: Arguments,
}

impl Url {
    /// Takes a URL apart. Percent signs stay as they are; see [`Url::decode`].
    pub fn parse(url: &[u8], form: Form) -> Result<Self> {
        if url.contains(&0) {
            return Err(invalid(url, "contains a NUL byte"));
        }
        let rest = url.strip_prefix(SCHEME).ok_or_else(|| invalid(url, "does not begin with nfs://"))?;
        // A question mark belongs to the path when a slash follows and the last slash is what counts: files may
        // lie in directories with question marks in their names.
        let (server, path) = match rest.iter().position(|&byte| byte == b'/') {
            Some(slash) if slash > 0 && !rest[..slash].contains(&b'?') => rest.split_at(slash),
            _ if form != Form::Incomplete => return Err(invalid(url, "needs a server and a path")),
            _ => {
                let (server, arguments) = cut_arguments(rest);
                let server = (server != b"/" && !server.is_empty()).then(|| server.to_vec());
                return Ok(Self { server, arguments, ..Self::default() });
            }
        };
        let (path, file) = match path.iter().rposition(|&byte| byte == b'/') {
            Some(slash) if form != Form::Directory => (&path[..slash], Some(&path[slash..])),
            _ => (path, None),
        };
        let server = Some(server.to_vec());
        if let Some(file) = file {
            let (file, arguments) = cut_arguments(file);
            return Ok(Self { server, path: Some(path.to_vec()), file: Some(file.to_vec()), arguments });
        }
        let (path, arguments) = cut_arguments(path);
        Ok(Self { server, path: Some(path.to_vec()), file: None, arguments })
    }

    /// Replaces percent escapes in path and file. What is not an escape, and `%00`, stays.
    pub fn decode(self) -> Self {
        Self {
            path: self.path.map(|path| unescape(&path)),
            file: self.file.map(|file| unescape(&file)),
            ..self
        }
    }
}

/// Splits at the first question mark, and what follows it at `&` and `=`.
fn cut_arguments(text: &[u8]) -> (&[u8], Arguments) {
    let Some(mark) = text.iter().position(|&byte| byte == b'?') else {
        return (text, Vec::new());
    };
    let arguments = text[mark + 1..]
        .split(|&byte| byte == b'&')
        .filter(|argument| !argument.is_empty())
        .map(|argument| {
            let mut parts = argument.splitn(2, |&byte| byte == b'=');
            let mut part = || parts.next().unwrap_or_default().to_vec();
            (part(), part())
        })
        .collect();
    (&text[..mark], arguments)
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        match (first, tail) {
            (b'%', &[high, low, ref tail @ ..]) if escaped(high, low).is_some_and(|byte| byte != 0) => {
                plain.extend(escaped(high, low));
                rest = tail;
            }
            _ => {
                plain.push(first);
                rest = tail;
            }
        }
    }
    plain
}

fn escaped(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

fn invalid(url: &[u8], why: &str) -> Error {
    Error::new(libc::EINVAL, format!("the URL {:?} {why}", String::from_utf8_lossy(url)))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The parts as text, `-` for what is missing.
    fn parts(url: &str, form: Form) -> Option<String> {
        let url = Url::parse(url.as_bytes(), form).ok()?.decode();
        let text = |part: Option<Vec<u8>>| {
            part.map_or("-".into(), |part| String::from_utf8_lossy(&part).into_owned())
        };
        let arguments = url.arguments.iter().map(|(name, value)| {
            format!(" {}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        });
        Some([text(url.server), text(url.path), text(url.file)].join(" ") + &arguments.collect::<String>())
    }

    #[test]
    fn parts_of_each_form() {
        use Form::{Directory, Full, Incomplete};
        for (url, form, expected) in [
            ("nfs://server/a/b/c", Full, Some("server /a/b /c")),
            ("nfs://server/a/b/c", Directory, Some("server /a/b/c -")),
            ("nfs://server/a/b/c", Incomplete, Some("server /a/b /c")),
            ("nfs://server/a/b/", Full, Some("server /a/b /")),
            ("nfs://server/f", Full, Some("server  /f")),
            ("nfs://server/", Full, Some("server  /")),
            ("nfs://server/", Directory, Some("server / -")),
            ("nfs://server//a//b", Full, Some("server //a/ /b")),
            ("nfs://server", Full, None),
            ("nfs://server", Directory, None),
            ("nfs://server", Incomplete, Some("server - -")),
            ("nfs://server?uid=1", Full, None),
            ("nfs://server?uid=1", Incomplete, Some("server - - uid=1")),
            ("nfs://", Full, None),
            ("nfs://", Incomplete, Some("- - -")),
            ("nfs:///", Incomplete, Some("- - -")),
            ("nfs:///a/b", Full, None),
            ("nfs:///a/b", Incomplete, Some("/a/b - -")),
            ("nfs://?uid=1/a/b", Full, None),
            ("nfs://h/a/b", Full, Some("h /a /b")),
            ("nfs://server:2049/a/b", Full, Some("server:2049 /a /b")),
            ("nfs://[::1]/a/b", Full, Some("[::1] /a /b")),
            ("nfs://[::1]:2049/a/b", Directory, Some("[::1]:2049 /a/b -")),
            ("nfs://user@server/a/b", Full, Some("user@server /a /b")),
            ("nfs:/server/a", Full, None),
            ("NFS://server/a", Full, None),
            ("http://server/a", Incomplete, None),
            ("", Incomplete, None),
            ("nfs://server/a/b?", Full, Some("server /a /b")),
            ("nfs://server/a/b?uid=1&&gid=2&", Full, Some("server /a /b uid=1 gid=2")),
            ("nfs://server/a/b?x&=1&y==&z?", Directory, Some("server /a/b - x= =1 y== z?=")),
            ("nfs://server/a?b/c?uid=1", Full, Some("server /a?b /c uid=1")),
            ("nfs://server/a?b=/c/d", Directory, Some("server /a - b=/c/d")),
            ("nfs://server/a%20b/%41%2f%3f", Full, Some("server /a b /A/?")),
            ("nfs://server/%/%4/%zz/%00/%e", Directory, Some("server /%/%4/%zz/%00/%e -")),
            ("nfs://s%41/a?if=%41", Directory, Some("s%41 /a - if=%41")),
        ] {
            assert_eq!(parts(url, form).as_deref(), expected, "{form:?} {url}");
        }
    }

    fn form() -> impl Strategy<Value = Form> {
        prop_oneof![Just(Form::Full), Just(Form::Directory), Just(Form::Incomplete)]
    }

    /// Names that can stand in a URL without an escape.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        vec(any::<u8>().prop_filter("a separator", |byte| !b"\0/?%&=".contains(byte)), 1..20)
    }

    fn slashed(names: &[Vec<u8>]) -> Vec<u8> {
        names.iter().flat_map(|name| [b"/", name.as_slice()].concat()).collect()
    }

    fn escape(text: &[u8]) -> Vec<u8> {
        text.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect()
    }

    proptest! {
        #[test]
        fn never_panics(form in form(), bytes in vec(any::<u8>(), 0..200)) {
            let _ = Url::parse(&bytes, form).map(Url::decode);
            let _ = Url::parse(&[SCHEME, &bytes].concat(), form).map(Url::decode);
        }

        #[test]
        fn gives_back_what_was_put_in(
            server in name(),
            directories in vec(name(), 0..5),
            file in name(),
            arguments in vec((name(), name()), 0..5),
        ) {
            let (path, file) = (slashed(&directories), slashed(&[file]));
            let mut tail = Vec::new();
            for (index, (name, value)) in arguments.iter().enumerate() {
                tail.extend_from_slice(if index == 0 { b"?" } else { b"&" });
                tail.extend_from_slice(&[name, b"=".as_slice(), value].concat());
            }
            let url = [SCHEME, &server, &path, &file, &tail].concat();
            let expected = Url { server: Some(server), path: Some(path.clone()), file: Some(file.clone()), arguments };
            prop_assert_eq!(Url::parse(&url, Form::Full).unwrap(), expected.clone());
            prop_assert_eq!(Url::parse(&url, Form::Incomplete).unwrap(), expected.clone());
            let expected = Url { path: Some([path, file].concat()), file: None, ..expected };
            prop_assert_eq!(Url::parse(&url, Form::Directory).unwrap().decode(), expected);
        }

        #[test]
        fn every_escape_is_undone(text in vec(1..=255u8, 0..50)) {
            let url = [b"nfs://server/", escape(&text).as_slice()].concat();
            let path = Url::parse(&url, Form::Directory).unwrap().decode().path.unwrap();
            prop_assert_eq!(path, [b"/", text.as_slice()].concat());
        }
    }
}
