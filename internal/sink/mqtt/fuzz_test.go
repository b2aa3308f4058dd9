package mqtt

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzMemory reads what somebody may have done to the file.
func FuzzMemory(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{}`, `{"version":2}`,
		`{"version":1,"topic":"envoyd","prefix":"homeassistant","gateways":{"122333444555":{"things":{"":{"keys":{"grid_power":"2026-06-21"}},"meter/production":null}},"x":null},"retire":["a/b"]}`,
		`{"version":1,"gateways":{"a":{"things":{"meter":{"keys":{"power":""}},"inverter/":{},"?":{"keys":{"x":"y"}}}}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := decodeMemory([]byte(text))
		if err != nil {
			return
		}
		m := &memory{file: file}
		m.moved(topics{base: "envoyd", prefix: "homeassistant"})
		for name, g := range m.file.Gateways {
			a := author{topics: topics{base: "envoyd", prefix: "homeassistant"}, gateway: name, memory: g}
			marshal(a.gatewayDocument(GatewayFacts{}))
			for id := range g.Things {
				marshal(a.thingDocument(id))
			}
		}
		m.leave(topics{base: "envoyd"}, []string{"nobody"})
	})
}

// FuzzTexts puts any text where a gateway or a configuration may put one.
func FuzzTexts(f *testing.F) {
	for _, seed := range []string{"", "Home", "+/#", "\x00\xff", `"quoted"\`, strings.Repeat("ä", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s := segment(text); strings.ContainsAny(s, "/+#\x00") || !utf8.ValidString(s) || len(s) > 64 {
			t.Errorf("segment %q", s)
		}
		if b := appendText(nil, text); !json.Valid(b) {
			t.Errorf("text %s", b)
		}
		if s := problemText(GatewayFacts{ProblemText: text}); s == "" || utf8.RuneCountInString(s) > longestState {
			t.Errorf("problem %q", s)
		}
	})
}
