package main

import (
	"bytes"
	"strings"
	"testing"

	"envoyd/internal/reading"
)

func TestAFailedReadSaysWhatIsWrong(t *testing.T) {
	const serial = "122333444555"
	for name, tt := range map[string]struct {
		found found
		want  string // "" = all is well
	}{
		"power":        {found{readings: []reading.Reading{{Serial: serial, Power: reading.Power{GridW: reading.Of(1)}}}}, ""},
		"energy":       {found{readings: []reading.Reading{{Serial: serial, Energy: reading.Energy{ImportWh: reading.Of(0)}}}}, ""},
		"neither":      {found{readings: []reading.Reading{{Serial: serial}}}, serial + " answers, but nothing was measured"},
		"no gateway":   {found{}, "no gateway to be read"},
		"said already": {found{failed: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			ok := tt.found.explain(t.Context(), &said)
			if ok != (tt.want == "" && !tt.found.failed) || !strings.Contains(said.String(), tt.want) || (tt.want == "") != (said.Len() == 0) {
				t.Errorf("%t, saying %q", ok, said.String())
			}
			if tt.want != "" && !strings.Contains(said.String(), "envoyd check") {
				t.Errorf("no mend in %q", said.String())
			}
		})
	}
}

func TestAReadingWithoutAMeasurementShowsNoTime(t *testing.T) {
	var plain, document bytes.Buffer
	all := []reading.Reading{{Serial: "122333444555", Name: "Home", Source: reading.Local}}
	if err := printPlain(&plain, all); err != nil {
		t.Fatal(err)
	}
	if err := printReadings(&document, all); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plain.String(), "nothing measured") || strings.Contains(plain.String()+document.String(), "0001-01-01") {
		t.Errorf("printed %s%s", &plain, &document)
	}
}
