package graphsim

import (
	"net/http"
	"strings"
)

// A property is one that an endpoint can answer with: its JSON name, whether it
// is answered with where no $select asks for it, and how it is written.
type property[T any] struct {
	name      string
	byDefault bool
	write     func(b []byte, s *Server, x *T) []byte
}

// choose gives the properties that a $select asks for, or the default ones. The
// id is always among them. For an unknown name it writes the error and gives nil.
func choose[T any](table []property[T], rt *route, p *reply, typeName string) []property[T] {
	for _, name := range rt.query.selected {
		found := false
		for _, prop := range table {
			if found = strings.EqualFold(prop.name, name); found {
				break
			}
		}
		if !found {
			p.fail(http.StatusBadRequest, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '"+name+"' on type '"+typeName+"'.")
			return nil
		}
	}
	return chosenAmong(table, rt.query.selected)
}

// writeObject appends the chosen properties of x, without the closing brace; lead
// is written first, such as an annotation with its comma.
func writeObject[T any](b []byte, s *Server, chosen []property[T], x *T, lead string) []byte {
	b = append(append(b, '{'), lead...)
	for n := range chosen {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), chosen[n].name...), '"', ':')
		b = chosen[n].write(b, s, x)
	}
	return b
}

// selectContext is what stands behind a type in @odata.context for a $select.
func selectContext(rt *route) string {
	if rt.query.selected == nil {
		return ""
	}
	return "(" + strings.Join(rt.query.selected, ",") + ")"
}

// entityLead gives the @odata.context of a single object, with its comma.
func entityLead(q *request, context string) string {
	return string(append(appendString([]byte(`"@odata.context":`), q.origin+"/"+q.version+"/$metadata#"+context+"/$entity"), ','))
}

// chosenAmong is choose for things of another type than the one asked for: what
// they do not have is left out.
func chosenAmong[T any](table []property[T], selected []string) []property[T] {
	var chosen []property[T]
	for _, prop := range table {
		wanted := prop.name == "id" || selected == nil && prop.byDefault
		for _, name := range selected {
			wanted = wanted || strings.EqualFold(prop.name, name)
		}
		if wanted {
			chosen = append(chosen, prop)
		}
	}
	return chosen
}
