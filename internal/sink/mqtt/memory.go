package mqtt

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"envoyd/internal/atomicfile"
)

// memory is what was ever announced and not yet taken back. Home Assistant
// forgets neither a device nor an entity that simply stops being mentioned, and
// brokers keep retained topics for ever, so somebody has to know what to empty.
// It also keeps the set of keys from shrinking while a value is unknown.
type memory struct {
	path    string      // "" = not kept
	changed bool        // since it was last handed to the writer
	out     chan []byte // to the goroutine that writes: a slow disk must not hold up a message
	file    memoryFile
}

// memoryFile is the form on disk.
type memoryFile struct {
	Version  int                       `json:"version"`
	Topic    string                    `json:"topic"`
	Prefix   string                    `json:"prefix"`
	Gateways map[string]*gatewayMemory `json:"gateways"`
	Retire   []string                  `json:"retire,omitempty"` // topics still to be emptied
}

// gatewayMemory is one installation; Things by their topic below it
// ("inverter/122344043197", "meter/production"), the gateway itself under "".
type gatewayMemory struct {
	Name     string            `json:"name,omitempty"`
	Serial   string            `json:"serial,omitempty"`
	Firmware string            `json:"firmware,omitempty"`
	Things   map[string]*thing `json:"things"`
}

// thing is what has a state topic of its own.
type thing struct {
	Kind string `json:"kind,omitempty"` // of a battery or controller
	// Keys are those in its payload that were ever known, with the day (UTC)
	// on which they last were.
	Keys map[string]string `json:"keys"`
	// Drop are components still to be removed from its document, with their
	// platform.
	Drop map[string]string `json:"drop,omitempty"`
}

const (
	memoryName    = "mqtt-announced.json"
	memoryVersion = 1
)

// openMemory reads the file. With an error it returns an empty memory that
// works all the same; a damaged file is set aside.
func openMemory(dir string) (*memory, error) {
	m := &memory{out: make(chan []byte, 1), file: memoryFile{Version: memoryVersion, Gateways: map[string]*gatewayMemory{}}}
	if dir == "" {
		return m, nil
	}
	m.path = filepath.Join(dir, memoryName)
	data, err := os.ReadFile(m.path)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("reading what was announced: %w", err)
	}
	file, err := decodeMemory(data)
	if err != nil {
		return m, errors.Join(fmt.Errorf("reading %s, now set aside: %w", m.path, err), os.Rename(m.path, m.path+".damaged"))
	}
	m.file = file
	return m, nil
}

func decodeMemory(data []byte) (memoryFile, error) {
	var f memoryFile
	if err := json.Unmarshal(data, &f); err != nil {
		return f, err
	}
	if f.Version != memoryVersion {
		return f, fmt.Errorf("version %d is not known", f.Version)
	}
	if f.Gateways == nil {
		f.Gateways = map[string]*gatewayMemory{}
	}
	for name, g := range f.Gateways {
		if g == nil {
			delete(f.Gateways, name)
			continue
		}
		maps.DeleteFunc(g.Things, func(_ string, t *thing) bool { return t == nil })
	}
	return f, nil
}

// gateway returns the memory of one installation, made when it is new.
func (m *memory) gateway(gateway string) *gatewayMemory {
	g := m.file.Gateways[gateway]
	if g == nil {
		g = &gatewayMemory{}
		m.file.Gateways[gateway] = g
	}
	return g
}

// thing returns the memory of one thing, made when it is new.
func (g *gatewayMemory) thing(id string) *thing {
	t := g.Things[id]
	if t == nil {
		t = &thing{}
		if g.Things == nil {
			g.Things = map[string]*thing{}
		}
		g.Things[id] = t
	}
	return t
}

// learn notes that key was known on this day; true when the key is new.
func (t *thing) learn(key, day string) bool {
	_, known := t.Keys[key]
	if t.Keys == nil {
		t.Keys = map[string]string{}
	}
	t.Keys[key] = day
	delete(t.Drop, key)
	return !known
}

// drop notes that a component is to be removed from the document.
func (t *thing) drop(component, platform string) {
	if t.Drop == nil {
		t.Drop = map[string]string{}
	}
	t.Drop[component] = platform
}

// expired takes out the keys that nobody has known since before day.
func (t *thing) expired(day string) []string {
	var keys []string
	for key, last := range t.Keys {
		if last < day {
			keys = append(keys, key)
			delete(t.Keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// retire notes topics that are to be emptied.
func (m *memory) retire(topics ...string) {
	for _, t := range topics {
		if !slices.Contains(m.file.Retire, t) {
			m.file.Retire = append(m.file.Retire, t)
			m.changed = true
		}
	}
}

// retired notes that the broker has emptied a topic.
func (m *memory) retired(topic string) {
	m.changed = true
	m.file.Retire = slices.DeleteFunc(m.file.Retire, func(t string) bool { return t == topic })
}

// save hands the memory to the writer if it has changed.
func (m *memory) save() {
	if !m.changed || m.path == "" {
		return
	}
	m.changed = false
	select {
	case <-m.out: // an older one that was not written yet
	default:
	}
	m.out <- marshal(m.file)
}

// keep writes what save hands over, in a goroutine that the returned function
// ends and waits for.
func (m *memory) keep(log *slog.Logger) (finish func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		failing := false
		for {
			select {
			case data := <-m.out:
				failing = m.write(data, failing, log)
			case <-end:
				select {
				case data := <-m.out:
					m.write(data, failing, log)
				default:
				}
				return
			}
		}
	}()
	return func() { close(end); <-done }
}

func (m *memory) write(data []byte, failing bool, log *slog.Logger) (failed bool) {
	err := atomicfile.Write(m.path, data, 0o600)
	if err != nil && !failing {
		log.Warn("cannot keep what was announced over MQTT", "error", err)
	}
	return err != nil
}

// day is the date that learn and expired compare.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
