package fallback_test

import (
	"testing"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/fallback"
	"envoyd/internal/reading"

	"github.com/google/go-cmp/cmp"
)

func TestDaysBeforeAreCountedBack(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := func(date string, production, imported float64) enlighten.Day {
		return enlighten.Day{Date: date, Energy: reading.Energy{ProductionWh: reading.Of(production), ImportWh: reading.Of(imported)}}
	}
	begin := reading.Energy{ProductionWh: reading.Of(10_000), ImportWh: reading.Of(900)}
	type row struct {
		At               string
		Production, Back string
	}
	for name, c := range map[string]struct {
		days []enlighten.Day
		want []row
	}{
		"over the end of summer time": {
			[]enlighten.Day{day("2026-10-24", 3000, 100), day("2026-10-25", 4000, 200), day("2026-10-26", 99999, 1)}, // the 26th is ours
			[]row{
				{"2026-10-25T23:59:59+01:00", "10000", "900"},
				{"2026-10-24T23:59:59+02:00", "6000", "700"},
				{"2026-10-23T23:59:59+02:00", "3000", "600"},
			},
		},
		"a flow ends where it would be negative": {
			[]enlighten.Day{day("2026-10-25", 4000, 950)},
			[]row{{"2026-10-25T23:59:59+01:00", "10000", "900"}, {"2026-10-24T23:59:59+02:00", "6000", "-"}},
		},
		"nothing before a day that is missing": {
			[]enlighten.Day{day("2026-10-23", 3000, 100), day("2026-10-25", 4000, 200)},
			[]row{{"2026-10-25T23:59:59+01:00", "10000", "900"}},
		},
		"the newest day is missing": {[]enlighten.Day{day("2026-10-24", 3000, 100)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []row
			for _, m := range fallback.Before("2026-10-26", begin, c.days, berlin) {
				got = append(got, row{m.Time.Format(time.RFC3339), m.Energy.ProductionWh.String(), m.Energy.ImportWh.String()})
				if m.Source != reading.Enlighten || len(m.Estimated) == 0 {
					t.Errorf("%v is not marked: %v %v", m.Time, m.Source, m.Estimated)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
