package capture

import (
	"bytes"
	"encoding/json"
	"strings"
)

// deepest is how far an answer may nest; what lies deeper is left out. The
// gateways nest seven deep.
const deepest = 64

// jsonScrubber goes through an answer piece by piece and writes what passes. It
// does not parse: an answer that is cut off, has a NaN in it, or says a thing
// twice is worth recording as it is, down to how its numbers are written.
type jsonScrubber struct {
	*Scrubber
	in    []byte
	at    int
	out   bytes.Buffer
	stack []frame
}

// frame is an object or array being read.
type frame struct {
	object bool
	around field // of the field it stands in
	now    field // of the field being read
}

// scrubJSON returns what passes of a JSON answer.
func (s *Scrubber) scrubJSON(body []byte) []byte {
	j := &jsonScrubber{Scrubber: s, in: body, stack: []frame{{}}}
	for j.at < len(j.in) && j.step() {
	}
	return j.out.Bytes()
}

// step reads one piece; false ends the reading.
func (j *jsonScrubber) step() bool {
	c := j.in[j.at]
	switch {
	case c == '{' || c == '[':
		if len(j.stack) > deepest {
			return false
		}
		f := j.top().now
		j.stack = append(j.stack, frame{object: c == '{', around: f, now: f})
	case c == '}' || c == ']':
		if len(j.stack) > 1 {
			j.stack = j.stack[:len(j.stack)-1]
		}
		j.read()
	case c == '"':
		j.string()
		return true
	case c == '-' || c == '+' || c >= '0' && c <= '9':
		j.literal("+-.eE0123456789", func(text string) string {
			if !numberForm.MatchString(text) {
				return j.instead(text, "0")
			}
			return j.number(j.top().now, text)
		})
		return true
	case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
		j.literal("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", j.word)
		return true
	case strings.IndexByte(",: \t\r\n", c) < 0:
		j.at++ // nothing that JSON is made of
		return true
	}
	j.out.WriteByte(c)
	j.at++
	return true
}

func (j *jsonScrubber) top() *frame { return &j.stack[len(j.stack)-1] }

// literal reads the bytes of a set and writes what show makes of them.
func (j *jsonScrubber) literal(set string, show func(string) string) {
	start := j.at
	for j.at < len(j.in) && strings.IndexByte(set, j.in[j.at]) >= 0 {
		j.at++
	}
	j.out.WriteString(show(string(j.in[start:j.at])))
	j.read()
}

// read notes that a value is complete: what follows it in an object belongs to
// no field until there is another name.
func (j *jsonScrubber) read() {
	if top := j.top(); top.object {
		top.now = fieldOf("", top.around.class)
	}
}

// word shows the words that stand without quotes.
func (j *jsonScrubber) word(text string) string {
	switch text {
	case "true", "false", "null", "NaN", "nan", "inf", "Infinity", "infinity":
		return text
	}
	return j.instead(text, "null")
}

// string reads a text or a name with its quotes. One that is cut off stays so.
func (j *jsonScrubber) string() {
	end := j.at + 1
	for end < len(j.in) && j.in[end] != '"' {
		if j.in[end] == '\\' {
			end++
		}
		end++
	}
	cut := end >= len(j.in)
	end = min(end, len(j.in))
	text := unquoted(j.in[j.at+1 : end])
	j.at = end
	if !cut {
		j.at++
	}
	shown := ""
	if rest := bytes.TrimLeft(j.in[j.at:], " \t\r\n"); len(rest) > 0 && rest[0] == ':' {
		shown = j.name(text)
		j.top().now = fieldOf(text, j.top().around.class)
	} else {
		shown = j.text(j.top().now, text)
		j.read()
	}
	j.out.WriteByte('"')
	j.out.WriteString(shown) // of the characters that need no escape
	if !cut {
		j.out.WriteByte('"')
	}
}

// unquoted undoes the escapes of a text; one that cannot be read is taken as it
// stands.
func unquoted(raw []byte) string {
	var text string
	if json.Unmarshal([]byte(`"`+string(raw)+`"`), &text) != nil {
		return string(raw)
	}
	return text
}
