package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"envoyd/internal/sim/gateway"
	"envoyd/internal/sim/page"
)

// errModel is what switches of the home say to a recording.
var errModel = errors.New("a replayed capture has no home to change")

// actions are the switches that change the home, by their name under /_sim.
func (s *Sim) actions() map[string]gateway.Action {
	return map[string]gateway.Action{
		"truth": func(func(string) string) (any, error) {
			if s.Home == nil {
				return nil, errModel
			}
			return s.Truth(time.Now()), nil
		},
		"restart":  s.restartSwitch,
		"wrap":     s.modelled(func(func(string) string) error { return s.Pages.Wrap() }),
		"reset":    s.modelled(s.resetSwitch),
		"firmware": s.modelled(s.firmwareSwitch),
		"offgrid":  s.modelled(s.offgridSwitch),
		"remove":   s.modelled(s.removeSwitch),
		"swap":     s.modelled(s.swapSwitch),
	}
}

// modelled is a switch that needs a modelled home and answers with the state.
func (s *Sim) modelled(act func(query func(string) string) error) gateway.Action {
	return func(query func(string) string) (any, error) {
		if s.Home == nil {
			return nil, errModel
		}
		if err := act(query); err != nil {
			return nil, err
		}
		return s.Gateway.State(), nil
	}
}

func (s *Sim) restartSwitch(query func(string) string) (any, error) {
	zeros := time.Minute
	if text := query("for"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("reading for: %w", err)
		}
		zeros = d
	}
	s.Restart(zeros)
	return s.Gateway.State(), nil
}

func (s *Sim) resetSwitch(query func(string) string) error {
	kind := query("meter")
	if kind == "" {
		kind = page.Production
	}
	if !slices.Contains([]string{page.Production, page.Net, page.Storage}, kind) {
		return fmt.Errorf("meter=%s is not production, net-consumption or storage", kind)
	}
	s.Pages.Reset(kind)
	return nil
}

func (s *Sim) firmwareSwitch(query func(string) string) error {
	version := query("version")
	if version == "" {
		return errors.New("version is missing, for example version=8.3.5167")
	}
	s.Update(version)
	return nil
}

// Update installs another firmware and restarts the gateway.
func (s *Sim) Update(firmware string) {
	s.Pages.Update(firmware)
	s.Restart(0)
}

func (s *Sim) offgridSwitch(query func(string) string) error {
	s.Home.OffGrid(query("on") != "false")
	return nil
}

func (s *Sim) removeSwitch(query func(string) string) error {
	if _, ok := s.Home.RemoveInverter(query("serial")); !ok {
		return errors.New("there is no such inverter")
	}
	return nil
}

func (s *Sim) swapSwitch(query func(string) string) error {
	if err := s.removeSwitch(query); err != nil {
		return err
	}
	s.Home.AddInverter()
	return nil
}
