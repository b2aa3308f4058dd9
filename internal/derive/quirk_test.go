package derive_test

import (
	"testing"

	"envoyd/internal/derive"
)

func quirkNames(p derive.Plan) map[string]bool {
	names := map[string]bool{}
	for _, q := range p.Quirks {
		names[q.Name] = true
	}
	return names
}

func TestQuirksOfRecordedGateways(t *testing.T) {
	for capture, want := range map[string]struct{ has, hasNot string }{
		"7.6.175_standard":                     {"inverter-sum-wraps", "each-inverter-wraps"},
		"8.2.4286_with_3cts_and_battery_split": {"storage-phases-copied", "api-v1-stale"},
		"8.2.4345_with_device_data":            {"controller-in-fahrenheit", "storage-phases-copied"},
		"8.3.5289_modGone":                     {"inactive-ct-looks-alive", "total-ignores-battery"},
		"7.3.517":                              {"net-lifetime-is-balance", "net-lifetime-is-imports"},
		"8.2.4382_ACB_2":                       {"ac-batteries-among-inverters", "virtual-meter"},
		"8.3.1598_collar":                      {"power-factor-summed", "total-overwritten-by-net"},
	} {
		t.Run(capture, func(t *testing.T) {
			p, _ := readCapture(t, capture)
			if names := quirkNames(p); !names[want.has] || names[want.hasNot] {
				t.Errorf("quirks %v", names)
			}
		})
	}
}

func TestQuirksSayWhatAndWhereFrom(t *testing.T) {
	for _, name := range captures(t) {
		p, _ := readCapture(t, name)
		for _, q := range p.Quirks {
			if q.Name == "" || q.NotBelieved == "" || q.Instead == "" || q.Known == "" {
				t.Errorf("%s: %+v says too little", name, q)
			}
		}
	}
}

func TestTotalOverwrittenOnlyWithATotalCT(t *testing.T) {
	p, _ := totalCT.read(t, identity("D8.3.5433"))
	if names := quirkNames(p); !names["total-overwritten-by-net"] || !names["total-ct-direction"] {
		t.Errorf("quirks %v", names)
	}
	p, _ = metered.read(t, identity("D8.3.5433"))
	if quirkNames(p)["total-overwritten-by-net"] {
		t.Error("a net CT does not have the quirk")
	}
}
