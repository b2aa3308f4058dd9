package capture_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"envoyd/internal/capture"

	"pgregory.net/rapid"
)

// secrets are what must never be in a file: each in the forms it takes.
var secrets = []string{
	"FRITZ!Box 7590 QX", "Willow-Guest-5G", "Sonnenhof", // networks and houses
	"60:E8:5B:AB:9D:64", "60-e8-5b-ab-9d-64", "60E85BAB9D64", "60e8.5bab.9d64", "106544789462372",
	"jane.roe@mail.example", "Jane Roe", "Müller-Lüdenscheidt", "山田太郎",
	"+49 151 23456789", "004915123456789", "15123456789", "4155552671", "(415) 555-2671", "1701234567",
	"415.555.2671", "06.12.34.56.78", "1.415.555.2671",
	"12 Elm Street", "94103-1234", "48.137154", "-122.419416", "11.5761240", "48.13715",
	"eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOiIxMjIzMzM0NDQ1NTUifQ.c2lnbmF0dXJl", "5f0c2b6e9d1a4c3e8b7f6a5d4c3b2a19",
	"192.168.178.43", "203.0.113.107", "fe80::62e8:5bff:feab:9d64", "2003:c1:e71f:3a00::17",
	"122333444555", "EIM122333444555-1", "202243017746", "8b3a2c1d-4e5f-6789-abcd-ef0123456789",
}

// leaks reports the secrets that a file shows, in any letter case, plain or as
// JSON escapes them.
func leaks(f capture.File, secrets ...string) []string {
	log, err := json.Marshal(f.Headers)
	if err != nil {
		return []string{err.Error()}
	}
	all := bytes.ToLower(slicesJoin(f.Body, log, []byte(f.Name), []byte(strings.Join(f.Kept, "\n"))))
	var shown []string
	for _, secret := range secrets {
		escaped, err := json.Marshal(secret)
		if err != nil {
			return []string{err.Error()}
		}
		for _, form := range []string{secret, strings.Trim(string(escaped), `"`), fmt.Sprintf("%+q", secret)} {
			if bytes.Contains(all, bytes.ToLower([]byte(form))) {
				shown = append(shown, secret)
			}
		}
	}
	return shown
}

func slicesJoin(parts ...[]byte) []byte { return bytes.Join(parts, []byte("\n")) }

// quoted is a secret as JSON.
func quoted(secret string) string {
	text, _ := json.Marshal(secret) // a string never fails
	return string(text)
}

// places are answers with a hole for a secret: a text for %s, its JSON for %q.
var places = map[string]func(secret string) string{
	"a field nobody has seen": func(s string) string { return `{"x_new":` + quoted(s) + `,"new_mode":` + quoted(s) + `}` },
	"a known field":           func(s string) string { return `[{"state":` + quoted(s) + `,"type":` + quoted(s) + `}]` },
	"a serial number's field": func(s string) string { return `{"sn":` + quoted(s) + `,"serial_num":` + quoted(s) + `}` },
	"a version's field":       func(s string) string { return `{"fw_version":` + quoted(s) + `,"part_num":` + quoted(s) + `}` },
	"a zone's field":          func(s string) string { return `{"timezone":` + quoted(s) + `}` },
	"a name":                  func(s string) string { return `{` + quoted(s) + `:1,"b":{` + quoted(s) + `:{"rssi":-60}}}` },
	"a list":                  func(s string) string { return `{"type":["eim",` + quoted(s) + `,[` + quoted(s) + `]]}` },
	"a longer text":           func(s string) string { return `{"message":` + quoted("seen "+s+" at 12:00") + `}` },
	"a text in a text":        func(s string) string { return `{"json":` + quoted(`{"ssid":`+quoted(s)+`}`) + `}` },
	"a text that is cut off":  func(s string) string { return `{"state":"enabled","z":` + strings.TrimSuffix(quoted(s), `"`) },
	"between the pieces":      func(s string) string { return `{"a":1 ` + s + `}` },
	"a text without quotes":   func(s string) string { return `{"net":` + s + `}` },
	"a comment of JSON":       func(s string) string { return "{\"a\":1} // " + s },
	"escapes":                 func(s string) string { return `{"x":"` + escaped(s) + `"}` },
	"an escaped name":         func(s string) string { return `{"` + escaped(s) + `":true}` },
	"behind the end":          func(s string) string { return "[]\n" + s },
	"a page":                  func(s string) string { return "<html><title>" + s + "</title><!-- " + s + " --><body>" + s },
	"the page of numbers": func(s string) string {
		return "<table><tr><td>Currently</td><td> 6.63 kW</td></tr><tr><td>" + s + "</td><td>" + s + "</td></tr><tr><td>Today</td><td>" + s + "</td></tr></table>"
	},
	"XML": func(s string) string {
		return "<?xml version='1.0'?><!-- " + s + " --><envoy_info><ssid>" + s + "</ssid><device note='" + s + "'><sn>" + s + "</sn><software>" + s + "</software></device><package name='" + s + "'><build>" + s + "</build></package><?p " + s + "?><![CDATA[" + s + "]]></envoy_info>"
	},
	"an element's name":        func(s string) string { return "<envoy_info><" + s + ">1</" + s + "></envoy_info>" },
	"something else":           func(s string) string { return "Error: " + s },
	"a private field's number": func(s string) string { return `{"location":{"date":` + quoted(s) + `},"phone":[` + quoted(s) + `]}` },
}

// escaped writes each character as JSON's \u form.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

func TestNoSecretGetsThroughAnywhere(t *testing.T) {
	for where, answer := range places {
		t.Run(where, func(t *testing.T) {
			for _, secret := range secrets {
				for _, status := range []int{http.StatusOK, http.StatusInternalServerError} {
					f := capture.NewScrubber(time.Now()).File("/ivp/new", capture.Raw{Status: status, Body: []byte(answer(secret))})
					if shown := leaks(f, secret); shown != nil {
						t.Errorf("%s is in %s", shown, f.Body)
					}
				}
			}
		})
	}
}

func TestNoNumberThatIsSomebodysGetsThrough(t *testing.T) {
	for _, body := range []string{
		`{"new_unit":%s}`, `[%s]`, `{"position":[%s,%s]}`, `{"phone":%s}`, `{"lat":%s}`, `{"sn":%s}`, `{"location":{"current":%s}}`, `{"mac":%s}`, `{"version":%s}`,
	} {
		for _, secret := range []string{
			"48.137154", "-122.419416", "4155552671", "15123456789", "106544789462372", "122333444555", "94103", "1701234567", "4.155552671e9",
		} {
			f := capture.NewScrubber(time.Now()).File("/x", capture.Raw{Status: 200, Body: []byte(strings.ReplaceAll(body, "%s", secret))})
			if shown := leaks(f, strings.TrimPrefix(secret, "-")); shown != nil {
				t.Errorf("%s is in %s", shown, f.Body)
			}
		}
	}
}

// What the forms alone do not show, each case for the one rule that holds it.
func TestTheEdgesOfTheRules(t *testing.T) {
	deep := strings.Repeat("[", 100)
	for body, want := range map[string]string{
		`{"rate":0.15 94103}`:                                `{"rate":0.15 94000}`, // the second number is no rate
		`{"rate":{"unit":1} 94103}`:                          `{"rate":{"unit":1} 94000}`,
		`{"rate":"0.15" "2026-01-02"}`:                       `{"rate":"0.15" "text1"}`,
		`{"rate":12345678901234567}`:                         `{"rate":90000000000000001}`,
		`{"date":"2023-06-29 15:50:12 HST"}`:                 `{"date":"text1"}`,
		`{"ssid":"enabled","mac":"42","user":"PCU"}`:         `{"ssid":"text1","mac":"text2","user":"text3"}`,
		`{"unit 471":1,"unit 06 12 34":1,"7":1}`:             `{"text1":1,"text2":1,"7":1}`,
		`{"vrmsB1L12_or_L12":1}`:                             `{"vrmsB1L12_or_L12":1}`,
		deep + `"Jane":1`:                                    deep[:64],
		`{"timezone":"Local"}`:                               `{"timezone":"text1"}`,
		`<table><tr><td>Jane</td><td>5 kW</td></tr></table>`: "<html><head><title>200 OK</title></head><body></body></html>\n",
	} {
		if got := file(capture.NewScrubber(time.Now()), "/x", body); got != want {
			t.Errorf("%s became\n%s, want\n%s", body, got, want)
		}
	}
	long := "[" + strings.Repeat("1,", 1<<20) + "1]"
	if got := file(capture.NewScrubber(time.Now()), "/x", long); len(got) > 1<<20 {
		t.Errorf("%d bytes are recorded", len(got))
	}
}

func TestNoHeaderGivesAnythingAway(t *testing.T) {
	for _, secret := range secrets {
		h := http.Header{}
		for _, name := range []string{"Content-Type", "Server", "Date", "Set-Cookie", "Location", "Retry-After", "X-New"} {
			h[name] = []string{secret, secret}
		}
		for _, challenge := range []string{secret, `Digest realm="` + secret + `", nonce="` + secret + `", qop="auth"`, `Basic realm="` + secret + `"`} {
			h["Www-Authenticate"] = []string{challenge}
			f := capture.NewScrubber(time.Now()).File("/x", capture.Raw{Status: 401, Header: h, Body: []byte("[]")})
			if shown := leaks(f, secret); shown != nil {
				t.Errorf("%s is in %s", shown, f.Headers)
			}
		}
	}
}

// Any document with any secret anywhere in it.
func TestNoDocumentLeaksAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.OneOf(
			rapid.SampledFrom(secrets),
			rapid.StringMatching(`[A-Z][a-z]{4,9}(?:[ _-][A-Z][a-z]{4,9}){1,2}zq`),
			rapid.StringMatching(`[1-9][0-9]{6,14}[1-9]`),
			rapid.StringMatching(`(?:[1-9a-f][0-9a-f]:){5}[0-9a-f]{2}`),
		).Draw(t, "secret")
		doc, err := json.Marshal(document(t, secret, 4))
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(doc)).Draw(t, "cut")
		s := capture.NewScrubber(time.Now())
		for _, body := range [][]byte{doc, doc[:cut], append([]byte("<x>"), doc...)} {
			if shown := leaks(s.File("/x", capture.Raw{Status: 200, Body: body}), secret); shown != nil {
				t.Fatalf("%s is shown of %s", shown, body)
			}
		}
	})
}

// document draws one with the secret at some leaf or as some name. Names of
// measurements are left out: their numbers are what a recording is for.
func document(t *rapid.T, secret string, depth int) any {
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0:
		return secret
	case 1:
		return rapid.SampledFrom([]any{nil, true, 0, 5, "enabled", "eim", ""}).Draw(t, "leaf")
	case 2:
		return "about " + secret + "."
	case 3:
		return json.RawMessage(quoted(secret))
	case 4, 5:
		object := map[string]any{}
		for range rapid.IntRange(0, 4).Draw(t, "fields") {
			name := rapid.SampledFrom([]string{"state", "type", "x", "sn", "id", "ssid", "devices", "network", "mac", secret, secret + "x"}).Draw(t, "name")
			object[name] = document(t, secret, depth-1)
		}
		return object
	}
	list := []any{}
	for range rapid.IntRange(0, 4).Draw(t, "items") {
		list = append(list, document(t, secret, depth-1))
	}
	return list
}

// A made-up answer with the seeds of all places: no panic, no leak of the one
// secret whose every byte is rare, and JSON stays JSON.
func FuzzScrubber(f *testing.F) {
	const secret = "Qx7-Zörgiebel"
	for _, answer := range places {
		f.Add([]byte(answer(secret)))
	}
	for _, body := range []string{"", "{", `{"a":`, `"`, `[[[[`, `{"\`, "[1e999,-,+.e]", "\xff\xfe", `{"a":NaN}`, "<envoy_info", "<?xml", "<a", `[0.000000000000001]`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		file := capture.NewScrubber(time.Unix(1.7e9, 0)).File("/x", capture.Raw{Status: 200, Body: body})
		if shown := leaks(file, secret, "rgiebel"); shown != nil {
			t.Errorf("%s is shown of %q", shown, body)
		}
		if json.Valid(body) && len(file.Body) > 0 && strings.ContainsAny(string(body[:1]), "{[") && !json.Valid(file.Body) {
			t.Errorf("%q became %q", body, file.Body)
		}
		if len(file.Body) > 4*len(body)+200 {
			t.Errorf("%d bytes became %d", len(body), len(file.Body))
		}
	})
}
