package derive

import (
	"fmt"
	"strings"
)

// Lines says for people which source serves what: "grid: CT net-consumption".
func (p Plan) Lines() []string {
	var lines []string
	for _, of := range quantities {
		if name := p.Source(of); name != "" {
			lines = append(lines, fmt.Sprintf("%s: %s", of, name))
		}
	}
	if p.facts != nil && p.facts.undecided {
		return []string{"not known yet: " + pathProduction + " has still to say whether there are CTs"}
	}
	if len(lines) == 0 {
		lines = append(lines, "no source of power or energy was found")
	}
	if p.facts != nil && p.facts.batteryOpen {
		lines = append(lines, "there may be a battery that "+pathEnsemble+" or the storage CT has still to tell of")
	}
	if p.UnknownFirmware {
		lines = append(lines, fmt.Sprintf("firmware %s was never seen before: read by the general rules from %s",
			strings.TrimSpace(p.id.Firmware), strings.Join(p.answered(), " ")))
	}
	return lines
}

// answered lists the paths that the probe found, in table order.
func (p Plan) answered() []string {
	var paths []string
	if p.facts == nil {
		return paths
	}
	for _, e := range endpoints {
		if p.facts.answered[e.Path] {
			paths = append(paths, e.Path)
		}
	}
	return paths
}
