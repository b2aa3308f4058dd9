package app

import (
	"errors"
	"strings"
	"testing"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

func TestAGatewayThatServesNothingIsAFault(t *testing.T) {
	const serial = "122000000001"
	faults := func(lines []CheckLine) (all []CheckLine) {
		for _, l := range lines {
			if l.Err != nil {
				all = append(all, l)
			}
		}
		return all
	}
	asked := faults(Result{Serial: serial, Reading: reading.Reading{Firmware: "8.2.4345"}}.lines())
	if len(asked) != 1 || asked[0].Part != "gateway "+serial || !strings.Contains(asked[0].Mend, "neither meters nor inverters") {
		t.Errorf("asked directly: %+v", asked)
	}
	if told := faults(sourceLines(serial, derive.Plan{}.Lines())); len(told) != 1 {
		t.Errorf("told by the daemon: %+v", told)
	}
	if told := faults(sourceLines(serial, []string{"grid: CT net-consumption"})); len(told) != 0 {
		t.Errorf("one that serves something: %+v", told)
	}
}

func TestADaemonWithoutAReadingIsAFaultOnce(t *testing.T) {
	well := []CheckLine{{Part: "daemon", Says: "running"}}
	ill := append(well, CheckLine{Part: "gateway", Err: errors.New("away")})
	one := []reading.Reading{{}}
	for name, c := range map[string]struct {
		said     []CheckLine
		readings []reading.Reading
		want     int
	}{
		"no reading":               {well, nil, 1},
		"no reading, and said why": {ill, nil, 0},
		"a reading":                {well, one, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := unread(c.said, c.readings); len(got) != c.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}
