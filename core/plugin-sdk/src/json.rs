//! Writes JSON in constant evaluation.

use crate::params::ParamType;

/// Writes into a buffer and counts; what does not fit is only counted, so that an empty buffer measures.
pub(crate) struct Json<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Json<'a> {
    pub(crate) const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    pub(crate) const fn length(&self) -> usize {
        self.length
    }

    const fn byte(&mut self, byte: u8) {
        if self.length < self.buffer.len() {
            self.buffer[self.length] = byte;
        }
        self.length += 1;
    }

    /// Writes text as it is.
    pub(crate) const fn raw(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            self.byte(bytes[i]);
            i += 1;
        }
    }

    /// Writes a string in quotes.
    pub(crate) const fn string(&mut self, text: &str) {
        self.byte(b'"');
        self.escaped(text.as_bytes());
        self.byte(b'"');
    }

    const fn escaped(&mut self, bytes: &[u8]) {
        let mut i = 0;
        while i < bytes.len() {
            match bytes[i] {
                b'"' => self.raw("\\\""),
                b'\\' => self.raw("\\\\"),
                b'\n' => self.raw("\\n"),
                control if control < 0x20 => {
                    self.raw("\\u00");
                    self.byte(b"0123456789abcdef"[(control >> 4) as usize]);
                    self.byte(b"0123456789abcdef"[(control & 15) as usize]);
                }
                other => self.byte(other),
            }
            i += 1;
        }
    }

    /// Writes the lines of a doc comment as one string, each trimmed, joined by a space.
    pub(crate) const fn lines(&mut self, lines: &[&str]) {
        self.byte(b'"');
        let mut i = 0;
        let mut written = false;
        while i < lines.len() {
            let line = lines[i].as_bytes().trim_ascii();
            if !line.is_empty() {
                if written {
                    self.byte(b' ');
                }
                self.escaped(line);
                written = true;
            }
            i += 1;
        }
        self.byte(b'"');
    }

    pub(crate) const fn number(&mut self, value: u64) {
        if value >= 10 {
            self.number(value / 10);
        }
        self.byte(b'0' + (value % 10) as u8);
    }

    pub(crate) const fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    pub(crate) const fn strings(&mut self, texts: &[&str]) {
        self.byte(b'[');
        let mut i = 0;
        while i < texts.len() {
            if i > 0 {
                self.byte(b',');
            }
            self.string(texts[i]);
            i += 1;
        }
        self.byte(b']');
    }

    /// Writes the source text of a default as JSON. A text that is no plain literal stops the compilation.
    pub(crate) const fn literal(&mut self, ty: ParamType, source: &str) {
        let bytes = source.as_bytes().trim_ascii();
        match ty {
            ParamType::Text => self.text_literal(bytes),
            ParamType::OptionalU64 if bytes.len() == 4 && bytes[0] == b'N' => self.raw("null"),
            ParamType::OptionalU64 => {
                assert!(bytes.len() > 6 && bytes[0] == b'S', "write the default as None or Some(literal)");
                let (_, inner) = bytes.split_at(5);
                let (inner, _) = inner.split_at(inner.len() - 1);
                self.plain(inner, b"");
            }
            ParamType::Bool => self.plain(bytes, b"truefalse"),
            ParamType::U64 | ParamType::I64 => self.plain(bytes, b"-"),
            ParamType::F64 => self.plain(bytes, b"-+.eE"),
            ParamType::Numbers => self.plain(bytes, b"-+.eE[],"),
        }
    }

    const fn text_literal(&mut self, bytes: &[u8]) {
        assert!(bytes.len() >= 2 && bytes[0] == b'"', "write the default of a text as a plain \"literal\"");
        let mut i = 0;
        while i < bytes.len() {
            let plain = bytes[i] != b'\\' && bytes[i] >= 0x20;
            assert!(plain, "the default of a text has no escapes and no control characters");
            self.byte(bytes[i]);
            i += 1;
        }
    }

    /// Writes digits and the characters of `extra`, dropping blanks and digit separators.
    const fn plain(&mut self, bytes: &[u8], extra: &[u8]) {
        let mut previous = 0;
        let mut i = 0;
        while i < bytes.len() {
            let byte = bytes[i];
            i += 1;
            if byte == b'_' || byte.is_ascii_whitespace() {
                continue;
            }
            assert!(byte.is_ascii_digit() || contains(extra, byte), "write the default as a plain literal");
            assert!(previous != b'.' || byte.is_ascii_digit(), "write digits after the point of a default");
            assert!(previous != b',' || byte != b']', "write the default without a comma before the bracket");
            self.byte(byte);
            previous = byte;
        }
        assert!(previous != b'.', "write digits after the point of a default");
    }
}

const fn contains(bytes: &[u8], wanted: u8) -> bool {
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == wanted {
            return true;
        }
        i += 1;
    }
    false
}
