package gateway_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/gateway"
	"envoyd/internal/parts"
	"envoyd/internal/trust"
)

func TestInfoOfEveryCapture(t *testing.T) {
	dir := parts.Captures(t)
	files, err := filepath.Glob(filepath.Join(dir, "*", "info"))
	if err != nil || len(files) < 23 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	for _, file := range files {
		folder := filepath.Base(filepath.Dir(file))
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		info, err := gateway.ParseInfo(body)
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		version, _, _ := strings.Cut(folder, "_")
		if folder == "3.8.10" {
			version = "3.18.10" // the folder's name is wrong, as its list says
		}
		if info.Firmware.String() != version || info.NeedsToken() != info.Firmware.AtLeast("7") || info.Time.Year() < 2023 ||
			info.Time.Year() > 2027 || info.PartNumber == "" {
			t.Errorf("%s: %+v", folder, info)
		}
	}
}

func TestParseInfo(t *testing.T) {
	const head = `<envoy_info><device><sn>122333444555</sn><software>R3.9.36</software>`
	tests := map[string]struct {
		body string
		ok   bool
	}{
		"the least there is":          {head + `</device></envoy_info>`, true},
		"another declaration":         {`<?xml version="1.0" encoding="ISO-8859-1"?>` + head + `</device></envoy_info>`, true},
		"tabs and lines":              {"\n" + strings.ReplaceAll(head, "><", ">\n\t<") + "\n</device>\n</envoy_info>\n", true},
		"no serial":                   {`<envoy_info><device><software>D8</software></device></envoy_info>`, false},
		"a serial of 11 digits":       {strings.Replace(head, "555", "55", 1) + `</device></envoy_info>`, false},
		"a serial with a path":        {strings.Replace(head, "555", "555/x", 1) + `</device></envoy_info>`, false},
		"two serials":                 {head + `<sn>122333444556</sn></device></envoy_info>`, false},
		"two devices":                 {head + `</device><device><sn>122333444556</sn></device></envoy_info>`, false},
		"no firmware":                 {`<envoy_info><device><sn>122333444555</sn></device></envoy_info>`, false},
		"cut off":                     {head, false},
		"empty":                       {"", false},
		"html":                        {"<html><body>hello</body></html>", false},
		"json":                        {`{"sn":"122333444555"}`, false},
		"serial deeper in a package":  {`<envoy_info><package><device><sn>122333444555</sn></device></package></envoy_info>`, false},
		"nested without end":          {strings.Repeat("<envoy_info>", 100000), false},
		"nested too deeply":           {head + `</device>` + strings.Repeat("<a>", 9) + strings.Repeat("</a>", 9) + `</envoy_info>`, false},
		"an entity of its own":        {`<!DOCTYPE x [<!ENTITY a "122333444555">]><envoy_info><device><sn>&a;</sn><software>D8</software></device></envoy_info>`, false},
		"too large":                   {head + `</device></envoy_info>` + strings.Repeat(" ", 300<<10), false},
		"two roots":                   {head + `</device></envoy_info><other/>`, false},
		"an endless text":             {head + `<pn>` + strings.Repeat("x", 300) + `</pn></device></envoy_info>`, false},
		"serial put together":         {`<envoy_info><device><sn>122333<!-- -->444555</sn><software>D8</software></device></envoy_info>`, false},
		"serial with spaces about it": {`<envoy_info><device><sn> 122333444555 </sn><software>D8</software></device></envoy_info>`, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			info, err := gateway.ParseInfo([]byte(tt.body))
			if (err == nil) != tt.ok || tt.ok && info.Serial != serial {
				t.Errorf("%+v, %v", info, err)
			}
		})
	}
}

func TestTextsThatAreNumbersAndFlags(t *testing.T) {
	parse := func(time, imeter, tokens string) gateway.Info {
		info, err := gateway.ParseInfo([]byte(`<envoy_info><time>` + time + `</time><device><sn>122333444555</sn><software>D6.1</software><imeter>` +
			imeter + `</imeter></device><web-tokens>` + tokens + `</web-tokens></envoy_info>`))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	if i := parse("1752974744", "true", "true"); !i.IMeter || !i.WebTokens || !i.NeedsToken() || !i.Time.Equal(time.Unix(1752974744, 0)) {
		t.Errorf("%+v", i)
	}
	if i := parse("1752974744.9", "false", ""); i.IMeter || i.WebTokens || i.NeedsToken() || !i.Time.Equal(time.Unix(1752974744, 0)) {
		t.Errorf("the text false is not true: %+v", i)
	}
	for _, odd := range []string{"", "x", "-5", "0", "NaN", "Inf", "1e300"} {
		if i := parse(odd, "yes", "no"); !i.Time.IsZero() || i.IMeter || i.WebTokens {
			t.Errorf("%q: %+v", odd, i)
		}
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add([]byte(infoXML(serial, "8.2.4345")))
	f.Add([]byte(`<?xml version='1.0' encoding='UTF-16'?><envoy_info/>`))
	f.Add([]byte(`<envoy_info><device><sn>122333444555</sn><software>D8</software></device></envoy_info>`))
	f.Add([]byte(`</envoy_info>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		info, err := gateway.ParseInfo(body)
		if err != nil {
			return
		}
		if trust.CheckSerial(info.Serial) != nil || info.Firmware == "" || info.Time.Year() > 9999 {
			t.Errorf("%+v", info)
		}
	})
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"192.168.1.20", "envoy.local:443", "[::1]:8", "https://h/", "http://u@h", "h/../x", "a%41", "@h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := gateway.ParseTarget(s)
		if err != nil {
			return
		}
		if again, err := gateway.ParseTarget(text); err != nil || again != text {
			t.Errorf("%q became %q, then %q, %v", s, text, again, err)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	f := newFake(b, "8.2.4345")
	f.page(meters, answers(200, "["+strings.Repeat(`{"eid":704643328,"activePower":807.3},`, 40)+"{}]"))
	c := newClient(b, nil)
	connect(b, c, f.address)
	for b.Loop() {
		if _, err := c.Get(b.Context(), meters, false); err != nil {
			b.Fatal(err)
		}
	}
}
