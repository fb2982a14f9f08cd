import { render } from "preact"
import { Page } from "./Page.tsx"

const page = document.querySelector("#page")
if (page) render(<Page />, page)
