package sim

import (
	"fmt"
	"time"

	"envoyd/internal/sim/home"
	"envoyd/internal/sim/page"
)

// Preset is a kind of home. Phases, inverters and the like can be changed in
// Config.Home.
type Preset int

// The presets.
const (
	MeteredBattery Preset = iota // 8.2.4345, split phase, production and net CT, 2 IQ Batteries, System Controller
	MeteredStorage               // the same with a storage CT
	Metered                      // 8.2.4345, three phases, production and net CT, no battery
	MeteredTotal                 // 8.3.5433, production and total-consumption CT, with the defects of that firmware
	MeteredOff                   // 8.2.4264, CT hardware with both CTs disabled
	Standard7                    // 7.6.175, no CT: the inverter sum wraps
	Standard83                   // 8.3.5422, no CT: /api/v1 is all zeros
	ACBattery                    // 8.2.4382, production and net CT, 2 AC Batteries
	Digest5                      // 5.0.62, no CT, plain HTTP with digest logins
	Legacy39                     // 3.9.36, /api/v1 and digest
	Legacy37                     // 3.7.0, nothing but HTML pages
	presetCount                  // how many there are
)

// presetNames are what -preset takes, in the order of the constants.
func presetNames() [presetCount]string {
	return [presetCount]string{
		"metered-battery", "metered-storage", "metered", "metered-total", "metered-off", "standard-7", "standard-8.3",
		"ac-battery", "digest-5", "legacy-3.9", "legacy-3.7",
	}
}

// Presets lists all there are.
func Presets() []Preset {
	list := make([]Preset, presetCount)
	for i := range list {
		list[i] = Preset(i)
	}
	return list
}

// String is the name of the preset.
func (p Preset) String() string {
	if p < 0 || p >= presetCount {
		return fmt.Sprintf("preset %d", int(p))
	}
	return presetNames()[p]
}

// ParsePreset finds a preset by its name.
func ParsePreset(name string) (Preset, error) {
	for i, have := range presetNames() {
		if have == name {
			return Preset(i), nil
		}
	}
	return 0, fmt.Errorf("there is no preset %q; there are %v", name, presetNames())
}

// model is what a preset stands for.
type model struct {
	page page.Config
	base home.Config
}

func (p Preset) model() model {
	net := []string{page.Production, page.Net}
	switch p {
	case MeteredStorage:
		return model{
			page.Config{Firmware: "8.2.4345", CTs: append(net, page.Storage), Controller: true}, home.Config{Batteries: 2},
		}
	case Metered:
		return model{page.Config{Firmware: "8.2.4345", CTs: net}, home.Config{Phases: 3}}
	case MeteredTotal:
		return model{page.Config{Firmware: "8.3.5433", CTs: []string{page.Production, page.Total}}, home.Config{Phases: 2}}
	case MeteredOff:
		return model{page.Config{Firmware: "8.2.4264", Disabled: net}, home.Config{Phases: 3}}
	case Standard7:
		return model{page.Config{Firmware: "7.6.175"}, home.Config{Phases: 1, Inverters: 13}}
	case Standard83:
		return model{page.Config{Firmware: "8.3.5422"}, home.Config{Phases: 1, Inverters: 13, Report: 15 * time.Minute}}
	case ACBattery:
		return model{page.Config{Firmware: "8.2.4382", CTs: net}, home.Config{Phases: 1, Inverters: 10, ACBatteries: 2}}
	case Digest5:
		return model{page.Config{Firmware: "5.0.62"}, home.Config{Phases: 2, Inverters: 40}}
	case Legacy39:
		return model{page.Config{Firmware: "3.9.36"}, home.Config{Phases: 2, Inverters: 12, Report: 15 * time.Minute}}
	case Legacy37:
		return model{page.Config{Firmware: "3.7.0"}, home.Config{Phases: 2, Inverters: 41, Report: 15 * time.Minute}}
	}
	return model{page.Config{Firmware: DefaultFirmware, CTs: net, Controller: true}, home.Config{Batteries: 2}}
}

// home lays the caller's wishes over the preset's.
func (m model) home(wish home.Config) home.Config {
	or := func(v *int, otherwise int) {
		if *v == 0 {
			*v = otherwise
		}
	}
	or(&wish.Phases, m.base.Phases)
	or(&wish.Inverters, m.base.Inverters)
	or(&wish.Batteries, m.base.Batteries)
	or(&wish.ACBatteries, m.base.ACBatteries)
	if wish.Report == 0 {
		wish.Report = m.base.Report
	}
	return wish
}
