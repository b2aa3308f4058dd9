package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Duration is a time span written as 1s, 15m, 36h, 2d, 3w, 10y or a sequence
// of them (1h30m); "off" is zero. A year has 365 days.
type Duration struct{ time.Duration }

// Off reports whether the thing is switched off.
func (d Duration) Off() bool { return d.Duration == 0 }

// units from the longest name to the shortest, so that "ms" is not read as "m".
var units = []struct {
	name string
	size time.Duration
}{
	{"ms", time.Millisecond},
	{"s", time.Second},
	{"m", time.Minute},
	{"h", time.Hour},
	{"d", day},
	{"w", 7 * day},
	{"y", year},
}

// UnmarshalYAML reads the forms above. Like all the types here it reports a
// fault as *yaml.TypeError, the only kind after which the decoder goes on to
// find the others.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return faultAt(node, "a duration such as 10s or 15m is expected")
	}
	if err := d.parse(node.Value); err != nil {
		return faultAt(node, err.Error())
	}
	return nil
}

func faultAt(node *yaml.Node, text string) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s", node.Line, text)}}
}

func (d *Duration) parse(text string) error {
	text = strings.TrimSpace(text)
	if text == "off" || text == "false" { // YAML 1.1 readers turn off into false
		d.Duration = 0
		return nil
	}
	total, rest := time.Duration(0), text
	for rest != "" {
		n, tail, err := number(rest)
		if err != nil {
			return durationError(text)
		}
		size, after, ok := unit(tail)
		if !ok || n*float64(size) > float64(200*year) {
			return durationError(text)
		}
		total += time.Duration(n * float64(size))
		rest = after
	}
	if text == "" {
		return durationError(text)
	}
	d.Duration = total
	return nil
}

func durationError(text string) error {
	return fmt.Errorf("%.40q is not a duration: write a number with its unit, such as 10s, 15m, 48h, 2d, 3w or 10y, or off", text)
}

func number(s string) (float64, string, error) {
	end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.ParseFloat(s[:end], 64)
	return n, s[end:], err
}

func unit(s string) (time.Duration, string, bool) {
	for _, u := range units {
		if rest, ok := strings.CutPrefix(s, u.name); ok {
			return u.size, rest, true
		}
	}
	return 0, "", false
}

// Size is a number of bytes written as 500MiB, 1GiB, 2GB or plain bytes.
type Size int64

// UnmarshalYAML reads the forms above.
func (s *Size) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return faultAt(node, "a size such as 1GiB is expected")
	}
	if err := s.parse(node.Value); err != nil {
		return faultAt(node, err.Error())
	}
	return nil
}

func (s *Size) parse(text string) error {
	text = strings.TrimSpace(text)
	factors := []struct {
		suffix string
		bytes  float64
	}{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
	}
	for _, f := range factors {
		digits, ok := strings.CutSuffix(text, f.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || n < 0 || n*f.bytes > 1<<50 {
			break
		}
		*s = Size(n * f.bytes)
		return nil
	}
	return fmt.Errorf("%.40q is not a size: write something like 500MiB or 1GiB", text)
}

// List is one text or a list of them.
type List []string

// UnmarshalYAML accepts both forms. A type of its own keeps the strictness of
// the rest: nothing below a List has keys.
func (l *List) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*l = nil
		if node.Value != "" && node.Tag != "!!null" {
			*l = List{node.Value}
		}
		return nil
	}
	var many []string
	if err := node.Decode(&many); err != nil {
		return faultAt(node, "a text or a list of texts is expected")
	}
	*l = many
	return nil
}
