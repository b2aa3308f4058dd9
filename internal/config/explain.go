package config

import (
	"reflect"
	"regexp"
	"strings"
)

var (
	unknownKey = regexp.MustCompile(`^(line \d+): field (.+) not found in type config\.(\w+)$`)
	twiceKey   = regexp.MustCompile(`^(line \d+): (?:mapping key "(.+)" already defined|field (.+) already set in type .*)`)
	wrongType  = regexp.MustCompile(`^(line \d+): cannot unmarshal !!(\w+)(?: .*)? into (\S+)$`)
)

// explain turns one of the YAML library's messages into a sentence for the
// owner. Values never appear in it: one of them may be a password that slipped
// into the wrong line.
func explain(text string) string {
	if m := unknownKey.FindStringSubmatch(text); m != nil {
		return m[1] + ": unknown key " + quote(m[2]) + suggest(m[2], m[3])
	}
	if m := twiceKey.FindStringSubmatch(text); m != nil {
		return m[1] + ": the key " + quote(m[2]+m[3]) + " stands there twice; keep one"
	}
	if m := wrongType.FindStringSubmatch(text); m != nil {
		return m[1] + ": " + found(m[2]) + " where " + expected(m[3]) + " is expected"
	}
	return text
}

func explainSyntax(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := wrongType.FindStringSubmatch(text); m != nil {
		return explain(text)
	}
	return text + "; check the indentation (spaces, no tabs) and the quotes near there"
}

func quote(s string) string { return "\"" + s + "\"" }

func found(tag string) string {
	switch tag {
	case "seq":
		return "a list stands"
	case "map":
		return "a group of keys stands"
	case "int", "float":
		return "a number stands"
	case "bool":
		return "true or false stands"
	default:
		return "a text stands"
	}
}

func expected(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list (lines beginning with -)"
	case strings.HasPrefix(goType, "int"):
		return "a whole number"
	case strings.HasPrefix(goType, "map"), strings.HasPrefix(goType, "config."):
		return "a group of keys, indented below,"
	default:
		return "a text"
	}
}

// reserved keys have a meaning in a later version.
var reserved = map[string]bool{"site": true, "tariff": true, "derapi": true, "kraken": true}

// suggest proposes the key that was probably meant.
func suggest(key, section string) string {
	if section == "Config" && reserved[key] {
		return " (reserved for a later version; remove it)"
	}
	best, distance := "", 3
	keys := keysOf(reflect.TypeFor[Config](), section)
	for _, k := range keys {
		if d := edits(key, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return "; known here: " + strings.Join(keys, " ")
	}
	return "; did you mean " + quote(best) + "?"
}

// keysOf lists the YAML keys of the section whose Go type has that name.
func keysOf(t reflect.Type, section string) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for f := range t.Fields() {
		name := f.Tag.Get("yaml")
		if name == "-" || name == "" {
			continue
		}
		if t.Name() == section {
			keys = append(keys, name)
		} else if below := keysOf(f.Type, section); below != nil {
			return below
		}
	}
	return keys
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal := left
			left = row[j+1]
			row[j+1] = min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
