package mqtt

import (
	"maps"
	"slices"
	"strings"
	"time"

	"envoyd/internal/reading"
)

// Kinds of thing: the topic level below the gateway.
const (
	kindMeter      = "meter"
	kindInverter   = "inverter"
	kindBattery    = "battery"
	kindController = "controller"
)

// element is one member of a reading's lists, made ready for its topic.
type element struct {
	id      string // topic below the gateway: "inverter/122344043197"
	serial  string // "" for a meter, which is part of the gateway
	kind    string // of a battery or controller
	payload []byte
	known   map[string]bool // component keys that have a value
}

// known lists the component keys that have a value.
func knownKeys(components []component, fields []reading.Field, time time.Time, status string, communicating *bool) map[string]bool {
	has := map[string]bool{"time": !time.IsZero(), "status": status != "", "communicating": communicating != nil}
	for _, f := range fields {
		has[f.Name] = f.Value.Known()
	}
	known := make(map[string]bool, len(components))
	for _, c := range components {
		if has[c.path()] {
			known[c.key] = true
		}
	}
	return known
}

func meterID(m *reading.Meter) string {
	id := kindMeter + "/" + segment(m.Kind)
	if m.Phase != "" {
		id += "/" + segment(m.Phase)
	}
	return id
}

func meterElement(m reading.Meter) element {
	m.Time = m.Time.UTC()
	if m.Flags == nil {
		m.Flags = []string{}
	}
	fields := m.Fields()
	id := meterID(&m)
	return element{id: id, payload: marshal(m), known: knownKeys(componentsOf(id), fields[:], m.Time, m.Status, nil)}
}

func inverterElement(i reading.Inverter) element {
	i.Time = i.Time.UTC()
	fields := i.Fields()
	return element{id: kindInverter + "/" + segment(i.Serial), serial: segment(i.Serial), payload: marshal(i),
		known: knownKeys(inverterComponents(), fields[:], i.Time, "", nil)}
}

func batteryElement(b reading.Battery) element {
	b.Time = b.Time.UTC()
	fields := b.Fields()
	return element{id: kindBattery + "/" + segment(b.Serial), serial: segment(b.Serial), kind: b.Kind, payload: marshal(b),
		known: knownKeys(batteryComponents(), fields[:], b.Time, "", b.Communicating)}
}

func controllerElement(c reading.Controller) element {
	return element{id: kindController + "/" + segment(c.Serial), serial: segment(c.Serial), kind: c.Kind, payload: marshal(c),
		known: knownKeys(controllerComponents(), []reading.Field{{Name: "temperature_c", Value: c.TemperatureC}}, time.Time{}, "", c.Communicating)}
}

func sameMeter(a, b reading.Meter) bool {
	if !a.Time.Equal(b.Time) || !slices.Equal(a.Flags, b.Flags) || a.Status != b.Status || a.Kind != b.Kind || a.Phase != b.Phase {
		return false
	}
	return a.Fields() == b.Fields()
}

func sameInverter(a, b reading.Inverter) bool {
	if !a.Time.Equal(b.Time) {
		return false
	}
	a.Time, b.Time = time.Time{}, time.Time{}
	return a == b
}

func sameBattery(a, b reading.Battery) bool {
	if !a.Time.Equal(b.Time) || !sameBool(a.Communicating, b.Communicating) {
		return false
	}
	a.Time, b.Time, a.Communicating, b.Communicating = time.Time{}, time.Time{}, nil, nil
	return a == b
}

func sameController(a, b reading.Controller) bool {
	if !sameBool(a.Communicating, b.Communicating) {
		return false
	}
	a.Communicating, b.Communicating = nil, nil
	return a == b
}

func sameBool(a, b *bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// presentIDs lists the things of one kind in a reading, by topic.
func presentIDs(r *reading.Reading, kind string) []string {
	var ids []string
	switch kind {
	case kindMeter:
		for i := range r.Meters {
			ids = append(ids, meterID(&r.Meters[i]))
		}
	case kindInverter:
		for i := range r.Inverters {
			ids = append(ids, kindInverter+"/"+segment(r.Inverters[i].Serial))
		}
	case kindBattery:
		for i := range r.Batteries {
			ids = append(ids, kindBattery+"/"+segment(r.Batteries[i].Serial))
		}
	case kindController:
		for i := range r.Controllers {
			ids = append(ids, kindController+"/"+segment(r.Controllers[i].Serial))
		}
	}
	return ids
}

// thingKinds lists the kinds in the order in which they are announced.
func thingKinds() [4]string {
	return [4]string{kindMeter, kindInverter, kindBattery, kindController}
}

// sortedThings lists the remembered things of a kind.
func sortedThings(things map[string]*thing, kind string) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(things)) {
		if strings.HasPrefix(id, kind+"/") {
			ids = append(ids, id)
		}
	}
	return ids
}

// ctName is the gateway's measurementType in words: "net consumption".
func ctName(kind string) string { return strings.ReplaceAll(kind, "-", " ") }

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// allElements lists everything in a reading that has a topic of its own.
func allElements(r *reading.Reading) []element {
	var all []element
	for _, v := range r.Meters {
		all = append(all, meterElement(v))
	}
	for _, v := range r.Inverters {
		all = append(all, inverterElement(v))
	}
	for _, v := range r.Batteries {
		all = append(all, batteryElement(v))
	}
	for _, v := range r.Controllers {
		all = append(all, controllerElement(v))
	}
	return all
}
