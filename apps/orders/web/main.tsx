import "@troupe/console/page.css"
import { render } from "preact"
import "./lanes.css"
import { Page } from "./Page.tsx"

const page = document.querySelector("#page")
if (page) render(<Page />, page)
