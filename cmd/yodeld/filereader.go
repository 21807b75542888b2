package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"yodel/daemon/access"
	"yodel/wire"
)

// level is what is in a table.
type level map[string]toml.Primitive

// fileReader goes through the keys of a configuration file, in their order, and notes what is wrong.
type fileReader struct {
	file *configFile
	text string
	meta toml.MetaData
	tree map[string]any
	tops map[string]level // by the tables' keys; the top is ""
	errs fileErrors
	skip toml.Key // what is below it was told of
}

// read takes one key: a table, or a value.
func (r *fileReader) read(key toml.Key) {
	if len(r.skip) > 0 && len(key) > len(r.skip) && slices.Equal(key[:len(r.skip)], r.skip) {
		return
	}
	value, ok := r.value(key)
	if !ok {
		return // in a list of tables, which was told of
	}
	_, table := value.(map[string]any)
	switch isTable, most := tableOf(key); {
	case isTable && table && len(key) == 2:
		r.room(key[1], key)
	case isTable && table:
	case isTable:
		r.wrong(key, value, "", "a table like ["+most+"]")
	case len(key) == 3 && key[0] == "rooms":
		r.roomSetting(key, value)
	default:
		r.setting(key, value)
	}
}

// tableOf tells whether a key is that of a table, and how one is written.
func tableOf(key toml.Key) (is bool, example string) {
	switch {
	case len(key) == 1 && key[0] == "rooms", len(key) == 2 && key[0] == "rooms":
		return true, "rooms.studio"
	case len(key) == 1:
		return slices.ContainsFunc(allSettings, func(s setting) bool { return strings.HasPrefix(s.key, key[0]+".") }), key[0]
	}
	return false, ""
}

// setting takes a value, or a table where none is known.
func (r *fileReader) setting(key toml.Key, value any) {
	name := strings.Join(key, ".")
	i := slices.IndexFunc(allSettings, func(s setting) bool { return s.key == name && len(key) == 1+strings.Count(s.key, ".") })
	if i < 0 {
		r.unknown(key)
		return
	}
	set := &allSettings[i]
	text, ok := textOf(value, set.kind)
	if !ok {
		r.wrong(key, value, "", set.expected)
	} else if err := set.check(text); err != nil {
		r.wrong(key, value, err.Error(), set.expected)
	}
	r.file.texts[set.key], r.file.lines[set.key] = text, r.line(key)
}

// room notes a room that a key names; false: it can be none.
func (r *fileReader) room(name string, key toml.Key) bool {
	if err := wire.CheckRoom(name); err != nil {
		r.add(key, err.Error())
		r.skip = key[:2]
		return false
	}
	r.file.rooms[name] = r.file.rooms[name].with(roomSetting{})
	return true
}

// roomSetting takes a value of a room.
func (r *fileReader) roomSetting(key toml.Key, value any) {
	if !r.room(key[1], key) { // its table need not be written out
		return
	}
	more := roomSetting{}
	switch name := key[2]; name {
	case "join":
		more.join = r.list(key, value)
	case "talk":
		more.talk = r.list(key, value)
	default:
		setting := strings.ReplaceAll(name, "_", "-")
		expected, known := expectedOfRoom[setting]
		if !known || strings.Contains(name, "-") {
			r.unknown(key)
			return
		}
		kind := kindSize
		if setting == "keep" {
			kind = kindCount
		}
		text, ok := textOf(value, kind)
		if !ok {
			r.wrong(key, value, "", expected)
			return
		}
		if err := checkRoomText(key[1], setting, text); err != nil {
			r.wrong(key, value, err.Error(), expected)
			return
		}
		more.texts = map[string]string{setting: text}
	}
	r.file.rooms[key[1]] = r.file.rooms[key[1]].with(more)
}

// list reads who may do something.
func (r *fileReader) list(key toml.Key, value any) []access.Who {
	items, ok := value.([]any)
	if !ok {
		r.wrong(key, value, "", expectedWho)
		return nil
	}
	who := make([]access.Who, 0, len(items))
	for _, item := range items {
		text, ok := item.(string)
		if !ok {
			r.wrong(key, item, "", expectedWho)
			return nil
		}
		w, err := access.ParseWho(text)
		if err != nil {
			r.wrong(key, item, err.Error(), expectedWho)
			return nil
		}
		who = append(who, w)
	}
	return who
}

// unknown tells of a key that means nothing, and which ones do in its place.
func (r *fileReader) unknown(key toml.Key) {
	r.skip = key
	var known []string
	if len(key) == 3 && key[0] == "rooms" {
		known = []string{"delay", "keep", "keep_age", "keep_bytes", "join", "talk"}
	} else {
		known = keysOf(key[:len(key)-1])
	}
	expected := "expected " + strings.Join(known, ", ")
	if len(known) == 0 {
		expected = "a name with a dot in it is put in quotes"
	}
	r.add(key, "unknown key: "+expected)
}

// keysOf are the keys that may be in a table.
func keysOf(table toml.Key) (known []string) {
	prefix := strings.Join(append(slices.Clone(table), ""), ".")
	for i := range allSettings {
		rest, in := strings.CutPrefix(allSettings[i].key, prefix)
		if !in {
			continue
		}
		if name, _, deeper := strings.Cut(rest, "."); !deeper {
			known = append(known, name)
		} else if name = "[" + name + "]"; !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	if len(table) == 0 {
		known = append(known, "[rooms.NAME]")
	}
	return known
}

// wrong tells of a value: what is wrong with it (empty: its type), and what is expected.
func (r *fileReader) wrong(key toml.Key, value any, what, expected string) {
	shown := shownValue(value)
	if what != "" {
		shown += ": " + what
	}
	r.skip = key
	r.add(key, fmt.Sprintf("%s: expected %s", shown, expected))
}

func (r *fileReader) add(key toml.Key, text string) {
	r.errs = append(r.errs, fileError{r.file.path, r.line(key), wire.Printable(key.String() + ": " + text)})
}

// value is what a key has in the tree.
func (r *fileReader) value(key toml.Key) (value any, ok bool) {
	value = r.tree
	for _, name := range key {
		table, is := value.(map[string]any)
		if !is {
			return nil, false
		}
		if value, ok = table[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

// nowhere cannot be read, which has the decoder tell the line at which it was tried.
type nowhere struct{}

var errNowhere = errors.New("nowhere")

func (*nowhere) UnmarshalTOML(any) error { return errNowhere }

// line is where the value of a key is; of a table that has no line of its own: 0.
func (r *fileReader) line(key toml.Key) int {
	in := r.tops[""]
	for i, name := range key[:len(key)-1] {
		table := key[:i+1].String()
		if r.tops[table] == nil {
			var below level
			if err := r.meta.PrimitiveDecode(in[name], &below); err != nil {
				return 0
			}
			r.tops[table] = below
		}
		in = r.tops[table]
	}
	var at toml.ParseError
	if !errors.As(r.meta.PrimitiveDecode(in[key[len(key)-1]], new(nowhere)), &at) || at.Position.Line == 0 {
		return 0
	}
	return lineOf(r.text, at.Position.Start) // at.Position.Line is where a text of several lines ends
}

// textOf is a value of the file as it would be in a flag; false: it is of a wrong type.
func textOf(value any, k kind) (text string, ok bool) {
	switch v := value.(type) {
	case string:
		return v, k == kindText || k == kindPath || k == kindSize
	case int64:
		return strconv.FormatInt(v, 10), k == kindCount || k == kindSize
	case bool:
		return strconv.FormatBool(v), k == kindBool
	}
	return "", false
}

// shownValue names a value for people; of a long one the beginning.
func shownValue(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(v[:min(len(v), 60)])
	case int64, bool, float64:
		return fmt.Sprint(v)
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "a list"
	}
	return "a date"
}
