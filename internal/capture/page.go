package capture

import (
	"slices"
	"strings"

	"envoyd/internal/derive"
)

// page is something to ask for.
type page struct {
	path string
	slow bool // of the user interface, which has one worker
}

const infoPath = "/info"

// further are pages that no reading needs but that tell of the system, from the
// fact sheet's section 4.1: those an owner may read, by firmware generation.
// Nothing here changes anything, streams, or belongs to the service role.
var further = map[string][]page{
	"4": {
		{path: "/api/v1/production"},
		{path: "/ivp/meters/readings"},
		{path: "/production.json", slow: true},
		{path: "/production", slow: true},
		{path: "/inventory.json?deleted=1", slow: true},
		{path: "/admin/lib/tariff", slow: true},
	},
	"7": {
		{path: "/ivp/meters/reports"},
		{path: "/ivp/meters/gridReading"},
		{path: "/ivp/meters/pvReading"},
		{path: "/ivp/ensemble/status"},
		{path: "/ivp/ensemble/relay"},
		{path: "/ivp/ensemble/dry_contacts"},
		{path: "/ivp/ss/dry_contact_settings"},
		{path: "/ivp/ss/gen_schedule"},
		{path: "/ivp/ss/gen_mode"},
		{path: "/ivp/ss/pel_settings"},
		{path: "/ivp/sc/pvlimit"},
		{path: "/ivp/pdm/device_data"},
		{path: "/home", slow: true},
		{path: "/inventory", slow: true},
		{path: "/inv", slow: true},
	},
}

// pagesOf lists what to ask a gateway of this firmware, fast pages first.
func pagesOf(firmware string) []page {
	pages := []page{{path: infoPath}}
	for _, e := range derive.Endpoints(derive.Identity{Firmware: firmware}) {
		pages = append(pages, page{path: e.Path, slow: e.Slow})
	}
	generation := strings.TrimLeft(firmware, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	generation, _, _ = strings.Cut(generation, ".")
	for from, more := range further {
		if len(generation) > 1 || generation >= from {
			pages = append(pages, more...)
		}
	}
	slices.SortStableFunc(pages[1:], func(a, b page) int {
		switch {
		case a.slow == b.slow:
			return strings.Compare(a.path, b.path)
		case b.slow:
			return -1
		}
		return 1
	})
	return slices.CompactFunc(pages, func(a, b page) bool { return a.path == b.path })
}

// fileName is the name of the file that holds a page, in the contract's layout.
func fileName(path string) string {
	return strings.NewReplacer("/", "_", "?", "_", "=", "_", "&", "_").Replace(strings.TrimPrefix(path, "/"))
}
